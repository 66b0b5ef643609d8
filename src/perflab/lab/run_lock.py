"""One measurement at a time on this machine: a lock that ends with the process that holds it."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def default_path() -> Path:
    """The lock file of this user. It stays; only the lock on it comes and goes."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return Path(tempfile.gettempdir()) / f"perflab-{user}.lock"


class RunLock:
    """Non-blocking: `try_acquire` says at once whether this kernel may measure now."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or default_path()
        self._file: IO[bytes] | None = None

    def try_acquire(self) -> bool:
        """True when the lock is held by us now. A folder that cannot be written gives up locking rather than measuring."""
        if self._file is not None:
            return True
        try:
            file = self._path.open("ab")
        except OSError:
            return True
        try:
            if sys.platform == "win32":
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let others measure. Closing the file drops the lock on every system."""
        if self._file is not None:
            self._file.close()
            self._file = None
