"""The way of all replies to their clients: one line of limited bandwidth, on which a reply is sent when those before it are.

Bytes are not slowed down, they are held back until a line of this bandwidth would have carried the last of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from perflab.measure.guards import check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Host, Next, SettableStage

MIN_BITS_PER_S = 1e5


@dataclass(frozen=True)
class Settings:
    """Bandwidth; none (JSON has no infinity) for as much as the machine has."""

    bits_per_s: float | None = None

    def __post_init__(self) -> None:
        if self.bits_per_s is not None:
            check_number("bits_per_s", self.bits_per_s, MIN_BITS_PER_S, math.inf)


class Link(SettableStage[Settings]):
    """The bandwidth is that of bodies: heads are not counted. To be used on a precise event loop, before `threads`."""

    settings_type = Settings

    def __init__(self, host: Host, settings: Settings) -> None:
        super().__init__(host, settings)
        self._free_ns = 0

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        reply = await following(request)
        if settings.bits_per_s is not None:
            now_ns = self.host.now_ns()
            self._free_ns = max(now_ns, self._free_ns) + round(8e9 * len(reply.body) / settings.bits_per_s)
            await self.host.wait((self._free_ns - now_ns) / 1e9)
        return reply
