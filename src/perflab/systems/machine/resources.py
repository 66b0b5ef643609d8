"""What a request can need of a machine beside its CPU: memory and disk, and how much of each there is."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from perflab.measure.sync import sync_file

MAX_COPIED, MAX_WRITTEN, MAX_SENT = 64_000_000, 4_000_000, 1_000_000
PART_BYTES = 1_000_000
ROOM_BYTES = 96_000_000
"""Copies go round in a room of this size: more than the last-level cache of most processors, little enough for small machines."""
HALF_BYTES = ROOM_BYTES // 2
PROBE_S, PROBES = 0.1, 3


class Room:
    """Memory whose first half is copied into the second, part by part and round and round, so that no part is in a cache.

    Any number of threads share it, each goes on where the last one was.
    """

    def __init__(self) -> None:
        pages = mmap.mmap(-1, ROOM_BYTES)
        if hasattr(mmap, "MADV_HUGEPAGE"):  # of small ones, a thread copies a quarter less
            pages.madvise(mmap.MADV_HUGEPAGE)
        self._memory = (ctypes.c_char * ROOM_BYTES).from_buffer(pages)
        ctypes.memset(self._memory, 1, ROOM_BYTES)  # pages that nobody has written are one page of zeros
        self._begin = ctypes.addressof(self._memory)
        self._places = itertools.cycle(range(0, HALF_BYTES, PART_BYTES))

    def copy(self, size: int) -> None:
        """Copy so many bytes; others run meanwhile."""
        for left in range(size, 0, -PART_BYTES):
            place = self._begin + next(self._places)
            ctypes.memmove(place + HALF_BYTES, place, min(left, PART_BYTES))


class Scratch:
    """A room for all threads, set aside at the first copy, and a nameless file for each thread, gone with it."""

    def __init__(self) -> None:
        self._own = _Own()
        self._only_one = threading.Lock()
        self._room: Room | None = None
        self._written = bytes(MAX_WRITTEN)

    def copy(self, size: int) -> None:
        """Copy so many bytes of memory; others run meanwhile."""
        if size:
            with self._only_one:
                self._room = self._room or Room()
            self._room.copy(size)

    def write(self, size: int) -> None:
        """Write so many bytes, and wait until the disk has them; nothing for 0."""
        if size:
            self._own.file.rewrite(self._written[:size])


class _Own(threading.local):
    def __init__(self) -> None:
        self.file = _Nameless()


class _Nameless:
    """A file without a name, closed with the thread that holds it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115

    def rewrite(self, content: bytes) -> None:
        self._file.seek(0)
        left = memoryview(content)
        while left:  # a disk that is nearly full takes a part, and refuses the next
            left = left[self._file.write(left) :]
        sync_file(self.fileno())

    def fileno(self) -> int:
        return self._file.fileno()

    def __del__(self) -> None:
        self._file.close()


def memory_per_s(threads: int) -> float:
    """Bytes that so many threads copy in a second, all together."""
    scratch = Scratch()
    return PART_BYTES * _rate(lambda: scratch.copy(PART_BYTES), threads)


def disk_s(size: int, threads: int) -> float:
    """Seconds between two writes of so many bytes that the disk has, where so many threads write."""
    scratch = Scratch()
    return 1 / _rate(lambda: scratch.write(size), threads)


def _rate(work: Callable[[], object], threads: int) -> float:
    """How often per second all threads do the work, in the best of some windows."""

    def go(_: int) -> float:
        work()
        done, began = 0, time.perf_counter()
        while not done or time.perf_counter() - began < PROBE_S:
            work()
            done += 1
        return done / (time.perf_counter() - began)

    with ThreadPoolExecutor(threads) as pool:
        return max(sum(pool.map(go, range(threads))) for _ in range(PROBES))
