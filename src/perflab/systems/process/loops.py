"""Event loops that wait to the microsecond. epoll counts in milliseconds, and asyncio rounds up to them."""

from __future__ import annotations

import asyncio
import select
import selectors
from typing import Any


def precise_loop() -> asyncio.SelectorEventLoop:
    """select takes microseconds, and files up to number 1,023."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def precise_loop_for_many() -> asyncio.SelectorEventLoop:
    """As `precise_loop`, for any number of files where the system has epoll or kqueue."""
    if not hasattr(select, "epoll"):  # kqueue takes nanoseconds
        return asyncio.SelectorEventLoop()

    class Selector(selectors.EpollSelector):
        """select waits, and watches nothing but the epoll, however much that watches."""

        def select(self, timeout: float | None = None) -> Any:
            if timeout is None or timeout > 0:
                select.select([self.fileno()], [], [], timeout)
            return super().select(0)

    return asyncio.SelectorEventLoop(Selector())
