"""One measurement at a time on this machine, for all its users: a lock that ends with the process that holds it.

The file that is locked is `/tmp/perflab.lock`, or what the environment variable `PERFLAB_LOCK` names. With one path for all
users one of them measures at a time; with a path for each they measure at once, and their runs say so.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from perflab.lab.file_lock import open_shared, try_lock, unlock_and_close
from perflab.lab.run_queue import RunQueue
from perflab.measure.units import count

VARIABLE = "PERFLAB_LOCK"
WAITING = "Waiting: another measurement is running on this machine"
POLL_S, MAX_POLL_S = 0.1, 1.0


def lock_paths() -> list[Path]:
    """The files to lock, the best first: the administrator's, the machine's, this user's."""
    named, shared, own = os.environ.get(VARIABLE), Path("/tmp"), Path(tempfile.gettempdir())
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    paths = [Path(named)] if named else []
    return [*paths, (shared if shared.is_dir() else own) / "perflab.lock", own / f"perflab-{user}.lock"]


def told_of_waiting(ahead: int) -> str:
    """Another measurement is running, and at least so many come first, that one included."""
    place = "this run is next" if ahead <= 1 else f"at least {count(ahead)} come before this one"
    return f"{WAITING}; {place}."


class RunLock:
    """Non-blocking: `try_acquire` says at once whether this kernel may measure now. Kernels get it in the order they came."""

    def __init__(self, *paths: Path) -> None:
        self._paths = paths or tuple(lock_paths())
        self._file: int | None = None
        self._queue: RunQueue | None = None
        self._cannot_lock = False
        self.ahead = 0
        """How many measurements of other kernels come first, when the lock was last asked for."""

    @property
    def poll_s(self) -> float:
        """When to ask again: soon where it is our turn next."""
        return min(MAX_POLL_S, POLL_S * max(1, self.ahead))

    def try_acquire(self) -> bool:
        """True when the lock is held by us now, and where no file can be locked: that is better than to wait for ever."""
        if self._file is not None or self._cannot_lock:
            return True
        for path in self._paths:
            try:
                file = open_shared(path)
            except OSError:
                continue
            try:
                self._file = file if self._is_our_turn(path) and try_lock(file) else None
            except OSError:
                os.close(file)
                continue
            if self._file is None:
                os.close(file)
                self.ahead = 1 + self._queue_at(path).enter()
                return False
            self._queue_at(path).leave()
            self.ahead = 0
            return True
        self._cannot_lock = True
        return True

    def release(self) -> None:
        """Let others measure, or wait no longer."""
        self._cannot_lock = False
        if self._file is not None:
            unlock_and_close(self._file)
            self._file = None
        if self._queue is not None:
            self._queue.leave()

    def _is_our_turn(self, path: Path) -> bool:
        return self._queue_at(path).ahead() == 0

    def _queue_at(self, path: Path) -> RunQueue:
        at = path.with_name(f"{path.name}.queue")
        if self._queue is None or self._queue.path != at:
            self._queue = RunQueue(at)
        return self._queue
