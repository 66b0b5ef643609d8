"""A limit for functions that learners write: one that never returns is a sentence, not a notebook that stands still."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MAX_S = 30.0
"""Many times what any right answer takes on a slow machine."""
AGAIN_S = 1.0


class TookTooLong(BaseException):
    """Not an `Exception`: a function that catches all of these would go on."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it has not returned after {seconds:g} s: is there a loop without an end?")


@contextmanager
def deadline() -> Iterator[None]:
    """Raises `TookTooLong` in a block that takes longer than `MAX_S`, again and again until the block is left. Not to be nested.

    Only signals reach code that never returns, and only in the main thread, where a notebook's cells run; Windows has none of
    them: there the kernel's *Interrupt* ends such a cell.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise TookTooLong(MAX_S)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, MAX_S, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
