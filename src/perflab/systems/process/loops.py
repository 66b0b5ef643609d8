"""Event loops that wait to the microsecond. epoll counts in milliseconds, and asyncio rounds up to them."""

from __future__ import annotations

import asyncio
import select
import selectors
from typing import Any

from perflab.measure.files import MAX_WATCHED


def precise_loop() -> asyncio.SelectorEventLoop:
    """select takes microseconds, and files up to number 1,023."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def precise_loop_for_many() -> asyncio.SelectorEventLoop:
    """As `precise_loop`, for any number of files where the system has epoll or kqueue."""
    return asyncio.SelectorEventLoop(precise_selector())


def precise_selector() -> selectors.BaseSelector:
    """A selector for many files that waits to the microsecond, where the system lets it."""
    if not hasattr(select, "epoll"):  # kqueue takes nanoseconds
        return selectors.DefaultSelector()

    class Selector(selectors.EpollSelector):
        """select waits, and watches nothing but the epoll, however much that watches."""

        def select(self, timeout: float | None = None) -> Any:
            if (timeout is None or timeout > 0) and self.fileno() <= MAX_WATCHED:
                select.select([self.fileno()], [], [], timeout)
                timeout = 0
            return super().select(timeout)

    return Selector()
