"""Nothing passes for a while, now and then: garbage collections, checkpoints and failovers look like this from outside."""

from __future__ import annotations

from perflab.measure.guards import check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Host, Next, NoSettings, SettableStage

MAX_STALL_S = 2.0


class Stall(SettableStage[NoSettings]):
    """A request that comes during a stall that `stall` has announced waits for its end."""

    def __init__(self, host: Host, settings: NoSettings) -> None:
        super().__init__(host, settings)
        self._from_ns = self._until_ns = 0
        self.requests = {"stall": self.stall}

    async def answer(self, settings: NoSettings, request: Request, following: Next) -> Reply:
        now_ns = self.host.now_ns()
        if self._from_ns <= now_ns < self._until_ns:
            await self.host.wait((self._until_ns - now_ns) / 1e9)
        return await following(request)

    def stall(self, after_s: float, for_s: float) -> None:
        """Stall once, `after_s` from now, for `for_s`."""
        check_number("for_s", for_s, 0, MAX_STALL_S)
        from_ns = self.host.now_ns() + round(check_number("after_s", after_s, 0, MAX_STALL_S) * 1e9)
        self._from_ns, self._until_ns = from_ns, from_ns + round(for_s * 1e9)
