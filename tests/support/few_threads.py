"""A system that allows no more threads, as far as a pool is concerned."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

ALLOWED = 2


class FewThreads(ThreadPoolExecutor):
    """What is submitted once so many threads run is refused, as Python says it."""

    def submit(self, *given: Any, **named: Any) -> Any:
        if len(self._threads) == ALLOWED:
            raise RuntimeError("can't start new thread")
        return super().submit(*given, **named)
