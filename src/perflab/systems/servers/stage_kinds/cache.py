"""A cache of whole replies, with a time to live (TTL): what is behind it is asked only on a miss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perflab.measure.guards import check_number
from perflab.systems.caches.cache import MAX_TTL_S, MISSING, TtlCache
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stages import Host, Next, SettableStage


@dataclass(frozen=True)
class Settings:
    """How long a reply is kept, by a clock that pauses with the server; 0 for no cache."""

    ttl_s: float = 0.0

    def __post_init__(self) -> None:
        check_number("ttl_s", self.ttl_s, 0, MAX_TTL_S)


class Cache(SettableStage[Settings]):
    """Notes a `hit` (1 or 0) where it is on. Only replies with status 200 are kept, by path and query.

    What was kept before a change of settings elsewhere is not forgotten; `ask("reset")` empties the cache.
    """

    settings_type = Settings

    def __init__(self, host: Host, settings: Settings) -> None:
        super().__init__(host, settings)
        self._cache = TtlCache(settings.ttl_s, lambda: host.now_ns() / 1e9)
        self.requests = {"reset": self._cache.clear, "counts": self.counts}

    def change(self, settings: Settings) -> None:
        self._cache.set_ttl(settings.ttl_s)

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        if not settings.ttl_s:
            return await following(request)
        key = request.path, *request.query.items()
        found: Reply = self._cache.get(key)
        request.state["hit"] = found is not MISSING
        if found is MISSING:
            found = await following(request)
            if found.status == 200:
                self._cache.put(key, found)
        return found

    def counts(self) -> dict[str, Any]:
        """Hits and misses since the start or `reset`."""
        return {"hits": self._cache.hits, "misses": self._cache.misses}
