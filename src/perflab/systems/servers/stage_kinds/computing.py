"""Computing that keeps one CPU, and the thread it is on, busy."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.measure.guards import check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Next, SettableStage

MAX_SERVICE_S = 0.1


@dataclass(frozen=True)
class Settings:
    """How long a request computes."""

    service_s: float = 0.0

    def __post_init__(self) -> None:
        check_number("service_s", self.service_s, 0, MAX_SERVICE_S)


class Computing(SettableStage[Settings]):
    """It is timed, not counted: where CPUs are shared, less is done in the same time."""

    settings_type = Settings

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        until_ns = self.host.now_ns() + round(settings.service_s * 1e9)
        while self.host.now_ns() < until_ns:
            self.host.stand_still()
        return await following(request)
