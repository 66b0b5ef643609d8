"""When a batch is to be written."""

from __future__ import annotations

from collections.abc import Callable

WhenToFlush = Callable[[int, float, int, float], bool]


def when_to_flush(pending: int, oldest_wait_s: float, size: int, max_wait_s: float) -> bool:
    """Full, or the oldest has waited long enough. Asked whenever a request arrives, after each batch, and by a timer."""
    return pending >= size or oldest_wait_s >= max_wait_s
