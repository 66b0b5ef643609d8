"""The end of what a process prints: however much that is, no more than its end is kept, and nothing on disk."""

from __future__ import annotations

import os
import threading
from typing import IO, Any

KEPT_BYTES = 64_000
READ_BYTES = 65_536


class LogTail:
    """Reads a pipe on a thread of its own, which costs nothing while nothing is printed, and ends with the last writer."""

    def __init__(self, pipe: IO[Any], name: str) -> None:
        self._pipe = pipe
        self._kept = b""
        self._reader = threading.Thread(target=self._read, daemon=True, name=name)
        try:
            self._reader.start()
        except RuntimeError:  # no more threads here
            pipe.close()
            raise

    def text(self, lines: int, wait_s: float = 0.0) -> str:
        """The last lines. Of a process that has just ended wait for the rest; others may still hold its pipe."""
        self.close(wait_s)
        kept = self._kept.decode(errors="replace").splitlines()
        return "\n".join(kept[-lines:])

    def close(self, wait_s: float) -> None:
        """The process has ended: wait for the end of its pipe, which closes it."""
        self._reader.join(wait_s)

    def _read(self) -> None:
        try:
            while data := os.read(self._pipe.fileno(), READ_BYTES):
                self._kept = (self._kept + data)[-KEPT_BYTES:]
        finally:
            self._pipe.close()
