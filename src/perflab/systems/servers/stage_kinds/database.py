"""A database that answers after a while: the request waits, with whatever it holds."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.measure.guards import check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Next, SettableStage

MAX_QUERY_MS = 1_000.0


@dataclass(frozen=True)
class Settings:
    """How long a query takes the database, which is taken to be another machine."""

    query_ms: float = 0.0

    def __post_init__(self) -> None:
        check_number("query_ms", self.query_ms, 0, MAX_QUERY_MS)


class Database(SettableStage[Settings]):
    """Waiting on a thread holds that thread; on an event loop it holds nothing but what the request has."""

    settings_type = Settings

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        if settings.query_ms:
            await self.host.wait(settings.query_ms / 1e3)
        return await following(request)
