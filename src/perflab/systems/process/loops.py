"""An event loop that waits to the microsecond."""

from __future__ import annotations

import asyncio
import selectors


def precise_loop() -> asyncio.SelectorEventLoop:
    """epoll counts in milliseconds and asyncio rounds up to them; select takes microseconds, and files up to number 1,023."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
