"""So many requests at once, the others wait in the order of their arrival: a limit on concurrency."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.measure.guards import check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.fair_pool import FairTaskPool
from perflab.systems.servers.stages import Host, Next, SettableStage

MAX_AT_ONCE = 10_000


@dataclass(frozen=True)
class Settings:
    """How many requests may be behind this stage at once."""

    at_once: int = 1

    def __post_init__(self) -> None:
        check_number("at_once", self.at_once, 1, MAX_AT_ONCE, whole=True)


class Concurrency(SettableStage[Settings]):
    """A request that arrives after a change takes its turn under the new limit; those before it keep the old one."""

    settings_type = Settings

    def __init__(self, host: Host, settings: Settings) -> None:
        super().__init__(host, settings)
        self.change(settings)

    def change(self, settings: Settings) -> None:
        self._turns = FairTaskPool(range(settings.at_once), self.host.now_ns)

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        turns = self._turns
        turn, _ = await turns.get()
        try:
            return await following(request)
        finally:
            turns.put(turn)
