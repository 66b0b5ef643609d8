"""A folder of a process's own, for what it starts; those of processes that were killed are removed by the next one."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "perflab-server-"
SHORT_FOLDER = Path("/tmp")
MAX_BYTES = 60
"""The path of a unix socket in it has at most 107 bytes, on macOS 103."""
STALE_S = 60.0


def private_folder(for_others: bool) -> Path:
    """A new folder, locked for as long as this process lives; `for_others` may enter it, and each folder above it."""
    above = Path(tempfile.gettempdir())
    if len(os.fsencode(above)) > MAX_BYTES or (for_others and not _lets_others_in(above)):
        above = SHORT_FOLDER
    _remove_stale(above)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=above))
    _lock(folder)  # stays open: the lock ends with the process
    folder.chmod(0o755 if for_others else 0o700)
    return folder


def _lets_others_in(folder: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))


def _lock(folder: Path) -> int:
    import fcntl  # not on Windows, which has none of these servers

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_stale(above: Path) -> None:
    # A new folder is not locked for a moment, so its age counts too.
    for folder in above.glob(f"{PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime < STALE_S:
                continue
            held = _lock(folder)
        except OSError:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)
