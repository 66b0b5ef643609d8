"""What the controls ask for and has not been looked at yet: only the newest counts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any


class Pending:
    """Filled from any thread, emptied by one."""

    def __init__(self) -> None:
        self._newest: dict[str, Any] | None = None
        self._lock = threading.Lock()

    def put(self, parameters: Mapping[str, Any]) -> bool:
        """Take the place of what is there; true when that was nothing, so that somebody has to be told."""
        with self._lock:
            first, self._newest = self._newest is None, dict(parameters)
        return first

    def take(self) -> dict[str, Any] | None:
        """What is there, if anything, which is then gone."""
        with self._lock:
            newest, self._newest = self._newest, None
        return newest
