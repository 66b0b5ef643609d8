"""An event loop whose time passes only while everything waits, and then at once; and a host for stages that lives by it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from perflab.systems.process.pausable import RunningClock
from perflab.systems.servers.stages import Host

Result = TypeVar("Result")


class _Hurrying(selectors.SelectSelector):
    """Where the loop would wait, its time goes on."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout is None:
            raise RuntimeError("everything waits for ever")
        if not found:
            self.now_s += max(0.0, timeout or 0.0)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time` is that of its selector."""

    def __init__(self) -> None:
        self._hurrying = _Hurrying()
        super().__init__(self._hurrying)

    def time(self) -> float:
        return self._hurrying.now_s


class LoopClock(RunningClock):
    """The running loop's time, less that of pauses."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stood_s, self._paused_s = 0.0, -1.0

    @property
    def is_paused(self) -> bool:
        return self._paused_s >= 0

    def now_ns(self) -> int:
        return round(((self._paused_s if self.is_paused else self._loop.time()) - self._stood_s) * 1e9)

    def pause(self) -> None:
        self._paused_s = self._loop.time()

    def resume(self) -> None:
        self._stood_s += self._loop.time() - self._paused_s
        self._paused_s = -1.0


class VirtualHost(Host):
    """A host on the running virtual loop. A thread that stands still would never wake here, so nothing does."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        super().__init__(self.clock)

    def stand_still(self) -> None:
        """Nothing here computes."""


def run_virtually(main: Coroutine[Any, Any, Result]) -> Result:
    """What the coroutine returns; it takes no time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
