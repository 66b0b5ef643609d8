"""Who waits for the run lock, in the order in which they came: a small file in which each waiter says that it is still there."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from perflab.lab.file_lock import open_shared, try_lock, unlock_and_close

GONE_S, REFRESH_S = 5.0, 1.0
"""A waiter that said nothing for so long is gone; one that waits says so this often."""
MAX_BYTES = 64_000
TRIES, TRY_AGAIN_S = 10, 0.001


class RunQueue:
    """Advice, no lock: where the file cannot be used, nobody is ahead, and the lock alone decides."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._clock = clock  # the system's own: all processes see the same
        self._me = uuid.uuid4().hex
        self._said_at: float | None = None

    def ahead(self) -> int:
        """How many waiters come before this one; all of them while this one does not wait."""
        try:
            waiting = list(self._alive(self.path.read_bytes()[:MAX_BYTES]))
        except OSError:
            return 0
        return waiting.index(self._me) if self._me in waiting else len(waiting)

    def enter(self) -> int:
        """Take a place at the end, or keep the one that this waiter has; returns how many are ahead."""
        now = self._clock()
        if self._said_at is None or now - self._said_at >= REFRESH_S:
            self._rewrite(lambda waiting: {**waiting, self._me: now})
            self._said_at = now
        return self.ahead()

    def leave(self) -> None:
        """Give up the place."""
        if self._said_at is not None:
            self._rewrite(lambda waiting: {name: seen for name, seen in waiting.items() if name != self._me})
            self._said_at = None

    def _rewrite(self, change: Callable[[dict[str, float]], dict[str, float]]) -> None:
        try:
            file = open_shared(self.path)
        except OSError:
            return
        try:
            for _ in range(TRIES):
                if try_lock(file):
                    break
                time.sleep(TRY_AGAIN_S)
            else:
                return
            waiting = change(self._alive(_read(file)))
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            os.write(file, "".join(f"{name} {seen:.3f}\n" for name, seen in waiting.items()).encode())
        except OSError:
            pass
        finally:
            unlock_and_close(file)

    def _alive(self, content: bytes) -> dict[str, float]:
        """The waiters in a file, with when they were last there; what is no waiter is passed over."""
        now, found = self._clock(), {}
        for line in content.decode(errors="replace").splitlines():
            name, _, seen = line.partition(" ")
            try:
                if abs(now - float(seen)) < GONE_S:
                    found[name] = float(seen)
            except ValueError:
                continue
        return found


def _read(file: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    return os.read(file, MAX_BYTES)
