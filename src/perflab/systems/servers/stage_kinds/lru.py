"""A cache before a store, filled by the requests that miss (cache-aside): what was read longest ago makes room.

As a `queue` does, it tells of each request when it arrived, started and was done (ns). A request that did not read the store
itself started when it was done.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from perflab.measure.guards import BadInput, check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.stage_kinds.queue import REJECTED
from perflab.systems.servers.stages import Host, Next, SettableStage

MAX_KEYS, MAX_AFTER_S = 100_000, 10.0


@dataclass(frozen=True)
class Settings:
    """At most `capacity` keys are held. `single_flight`: a key that is being read is not read again; its requests wait for the
    first one, and share its fate.
    """

    capacity: int = 100
    single_flight: bool = False

    def __post_init__(self) -> None:
        check_number("capacity", self.capacity, 1, MAX_KEYS, whole=True)
        if not isinstance(self.single_flight, bool):
            raise BadInput(f"single_flight must be true or false; got {self.single_flight!r}.")


class Lru(SettableStage[Settings]):
    """`ask("warm", keys=[…])` fills it, the key read last at the end; `ask("flush", after_s=1)` empties it so much later."""

    settings_type = Settings

    def __init__(self, host: Host, settings: Settings) -> None:
        super().__init__(host, settings)
        self._held: dict[int, None] = {}
        self._pending: dict[int, asyncio.Future[bool]] = {}
        self._flush_ns = math.inf
        self.requests = {"warm": self.warm, "flush": self.flush}

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        key, arrived_ns = self._read(request)
        if key in self._held:
            del self._held[key]
            self._held[key] = None
            return _reply(arrived_ns, arrived_ns)
        pending = self._pending.get(key) if settings.single_flight else None
        if pending is not None:
            is_read = await asyncio.shield(pending)  # one that is given up does not give up the read
            return _reply(arrived_ns, self.host.now_ns()) if is_read else REJECTED
        if settings.single_flight:
            self._pending[key] = asyncio.get_running_loop().create_future()
        is_read = False
        try:
            reply = await following(request)
            is_read = reply.status == 200
        finally:
            if settings.single_flight:
                self._pending.pop(key).set_result(is_read)
        if is_read:
            self._fill(key, settings.capacity)
        return reply

    def warm(self, keys: Sequence[int]) -> None:
        """Hold these keys and no others."""
        self._held = dict.fromkeys(keys)

    def flush(self, after_s: float) -> None:
        """Hold nothing any more, `after_s` from now."""
        self._flush_ns = self.host.now_ns() + round(check_number("after_s", after_s, 0, MAX_AFTER_S) * 1e9)

    def _read(self, request: Request) -> tuple[int, int]:
        """The key that is read, and when; an announced flush comes first."""
        key = int(check_number("key", int(request.query.get("key", "0")), 0, MAX_KEYS, whole=True))
        return key, self._flushed_ns()

    def _fill(self, key: int, capacity: int) -> None:
        self._flushed_ns()
        self._held.pop(key, None)
        self._held[key] = None
        while len(self._held) > capacity:
            del self._held[next(iter(self._held))]

    def _flushed_ns(self) -> int:
        """Now, after a flush that was due by now."""
        now_ns = self.host.now_ns()
        if now_ns >= self._flush_ns:
            self._held, self._flush_ns = {}, math.inf
        return now_ns


def _reply(arrived_ns: int, done_ns: int) -> Reply:
    return Reply(b"%d %d %d" % (arrived_ns, done_ns, done_ns))
