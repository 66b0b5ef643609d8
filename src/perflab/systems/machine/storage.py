"""Reading and writing a real file: from the page cache, from the disk, and with the promise that it is kept."""

from __future__ import annotations

import mmap
import os
import random
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from perflab.measure.machine import MEMORY_FILE_SYSTEMS, file_system_of
from perflab.measure.sync import sync_file

BLOCK = 4_096
FILE_BYTES = 16 * 1_048_576
READER_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0)


@contextmanager
def page_cache_read() -> Iterator[Callable[[], object]]:
    """Yields a function that reads 4 kB somewhere in a file of 16 MB that has just been written."""
    with _file() as path:
        descriptor = os.open(path, READER_FLAGS)
        places = _places()
        try:
            yield lambda: _read_at(descriptor, next(places))
        finally:
            os.close(descriptor)


@contextmanager
def disk_read() -> Iterator[Callable[[], object]]:
    """As `page_cache_read`, but past the system's page cache; `disk_caveat` says how far that is possible here."""
    with _file() as path:
        descriptor, read = _direct_reader(path) or _forgetting_reader(path)
        places = _places()
        try:
            yield lambda: read(next(places))
        finally:
            os.close(descriptor)


@contextmanager
def synced_write(blocks: int = 1) -> Iterator[Callable[[], object]]:
    """Yields a function that writes 4 kB, or so many blocks of that, over what is in a file, and waits until the drive has them:
    the least that any durable commit has to do.
    """
    with _file() as path, path.open("r+b", buffering=0) as file:
        descriptor, block, places = file.fileno(), os.urandom(blocks * BLOCK), _places()

        def write() -> None:
            os.lseek(descriptor, min(next(places), FILE_BYTES - len(block)), os.SEEK_SET)
            os.write(descriptor, block)
            sync_file(descriptor)

        yield write


@contextmanager
def sqlite_commit() -> Iterator[Callable[[], object]]:
    """Yields a function that inserts one row and commits, and waits for the drive: the row survives a power cut."""
    with (
        tempfile.TemporaryDirectory(prefix="perflab-commit-") as folder,
        closing(sqlite3.connect(Path(folder) / "orders.db", isolation_level=None)) as connection,
    ):
        connection.execute("pragma fullfsync = on")  # on macOS fsync alone stops at the drive's cache
        connection.execute("create table orders (id integer primary key, amount integer)")
        yield lambda: connection.execute("insert into orders (amount) values (1)")


def durability_caveat() -> str | None:
    """Why what is written here would not survive a power cut; None when it would, as far as this system can tell."""
    folder = Path(tempfile.gettempdir())
    kind = file_system_of(folder)
    if kind in MEMORY_FILE_SYSTEMS:
        return f"fsync is not durable here: {folder} is {kind}, a file system in memory; no disk is read or written."
    return f"This system does not tell whether {folder} is on a disk." if kind == "unknown" else None


def disk_caveat() -> str | None:
    """Why a read "from the disk" may not reach one here; None when it does, as far as this system can tell."""
    if caveat := durability_caveat():
        return caveat
    kind = file_system_of(Path(tempfile.gettempdir()))
    with _file(BLOCK) as path:
        if reader := _direct_reader(path):
            os.close(reader[0])
            return "The drive, or the host of a virtual machine, may answer from a cache of its own."
    if hasattr(os, "posix_fadvise"):
        return (
            f"{kind} cannot read past the page cache: the system is asked to forget the block first, and may not do so."
        )
    return "This system cannot read past its page cache: the time is that of a read from memory."


def is_ssd(
    folder: Path | None = None, system: Path = Path("/sys/dev/block"), cpus: Path = Path("/proc/cpuinfo")
) -> bool:
    """Whether the drive under temporary files is known to be a solid-state drive of this very machine.

    A virtual machine sees what its host shows it, and most file systems over several drives do not tell: then it is not known.
    """
    try:
        device = (folder or Path(tempfile.gettempdir())).stat().st_dev
        drive = (system / f"{os.major(device)}:{os.minor(device)}").resolve(strict=True)
        kinds = [path / "queue" / "rotational" for path in (drive, drive.parent)]
        rotational = next(kind.read_text().strip() for kind in kinds if kind.exists())
        return rotational == "0" and drive.name.startswith(("sd", "nvme")) and "hypervisor" not in cpus.read_text()
    except (AttributeError, OSError, StopIteration, ValueError):
        return False


Reader = tuple[int, Callable[[int], object]]
"""An open file's descriptor, and a function that reads the block at a place of it."""


def _direct_reader(path: Path) -> Reader | None:
    """Reads that go past the page cache: O_DIRECT on Linux, F_NOCACHE on macOS; None where neither is possible."""
    if sys.platform == "darwin":
        import fcntl

        descriptor = os.open(path, READER_FLAGS)
        fcntl.fcntl(descriptor, fcntl.F_NOCACHE, 1)
        return descriptor, lambda place: os.pread(descriptor, BLOCK, place)
    if not hasattr(os, "O_DIRECT"):
        return None
    try:
        descriptor = os.open(path, READER_FLAGS | os.O_DIRECT)
    except OSError:
        return None
    block = mmap.mmap(-1, BLOCK)  # aligned to a page, as O_DIRECT wants it

    def read(place: int) -> object:
        return os.preadv(descriptor, [block], place)

    try:
        read(0)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor, read


def _forgetting_reader(path: Path) -> Reader:
    descriptor = os.open(path, READER_FLAGS)

    def read(place: int) -> object:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, place, BLOCK, os.POSIX_FADV_DONTNEED)
        return _read_at(descriptor, place)

    return descriptor, read


def _read_at(descriptor: int, place: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, BLOCK, place)
    os.lseek(descriptor, place, os.SEEK_SET)
    return os.read(descriptor, BLOCK)


def _places() -> Iterator[int]:
    """Beginnings of blocks, in random order and drawn beforehand."""
    blocks = list(range(0, FILE_BYTES, BLOCK))
    random.Random(1).shuffle(blocks)
    while True:
        yield from blocks


@contextmanager
def _file(size: int = FILE_BYTES) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="perflab-blocks-") as folder:
        path = Path(folder) / "blocks"
        with path.open("wb") as file:
            for _ in range(size // BLOCK):
                file.write(os.urandom(BLOCK))
            file.flush()
            sync_file(file.fileno())
        yield path
