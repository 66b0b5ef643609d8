"""An event loop whose time passes only while everything waits, and then at once; and a host for stages that lives by it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from patience import PATIENCE_S

from perflab.systems.http.http11 import Reply, Request
from perflab.systems.process.pausable import RunningClock
from perflab.systems.servers.staged_server import Config, Frame
from perflab.systems.servers.stages import Host

Result = TypeVar("Result")
SOCKET_S = 0.002


class _Hurrying(selectors.SelectSelector):
    """Where the loop would wait, its time goes on; but what is on its way through a real socket comes first."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        has_sockets = len(self.get_map()) > 1  # the first one is the loop's own
        patience_s = 0.0 if timeout == 0 or not has_sockets else SOCKET_S if timeout else PATIENCE_S
        found = super().select(patience_s)
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
    """A host on the running virtual loop. What computes asks between its steps whether to stand still; a step takes 1 µs."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        super().__init__(self.clock)

    def stand_still(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop) and not self.is_on_thread
        loop._hurrying.now_s += 1e-6


class Served:
    """Requests to a server of these stages, in virtual time; `left` are their paths and when they were answered (s)."""

    def __init__(self, *stages: Config) -> None:
        self.host = VirtualHost()
        self.frame = Frame(stages, self.host)
        self.left: list[tuple[str, float]] = []

    async def ask(self, path: str = "/", after_s: float = 0.0, **query: str) -> tuple[Reply, dict[str, Any]]:
        """The reply to a request, and its state; asked so much later."""
        await asyncio.sleep(after_s)
        request = Request("GET", path, query, b"")
        reply = await self.frame.answer(request)
        self.left.append((path, round(self.host.now_ns() / 1e9, 3)))
        return reply, request.state

    async def crowd(self, *after_s: float) -> list[tuple[str, float]]:
        """What `left` is when requests "0", "1", … have been asked at these times."""
        await asyncio.gather(*(self.ask(str(number), each_s) for number, each_s in enumerate(after_s)))
        return self.left


def run_virtually(main: Coroutine[Any, Any, Result]) -> Result:
    """What the coroutine returns; it takes no time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
