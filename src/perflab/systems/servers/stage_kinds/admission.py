"""Which requests may queue: load shedding, by the length of the queue or by a rule of a learner's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from perflab.measure.guards import BadInput, check_number
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.policy import Policy
from perflab.systems.servers.stages import Host, Next, SettableStage

MAX_SERVED_AT_ONCE, MAX_QUEUE = 10_000, 100_000
MayQueue = Callable[[int], bool]
"""Asked of a request that finds all workers busy, with the number of requests in the queue."""


@dataclass(frozen=True)
class Settings:
    """So many are served at once behind this stage; others wait: `queue_length` of them, or as many as `may_queue` lets in."""

    served_at_once: int
    queue_length: int = MAX_QUEUE
    may_queue: MayQueue | None = None

    def __post_init__(self) -> None:
        check_number("served_at_once", self.served_at_once, 1, MAX_SERVED_AT_ONCE, whole=True)
        check_number("queue_length", self.queue_length, 0, MAX_QUEUE, whole=True)
        if self.may_queue is not None and not callable(self.may_queue):
            raise BadInput(f"may_queue must be a function of the number of queued requests; got {self.may_queue!r}.")


class Admission(SettableStage[Settings]):
    """A request that may not queue is rejected immediately, with status 503."""

    settings_type = Settings

    def __init__(self, host: Host, settings: Settings) -> None:
        super().__init__(host, settings)
        self._inside = 0
        self.change(settings)

    def change(self, settings: Settings) -> None:
        self._may_queue = Policy("The admission rule", settings.may_queue or settings.queue_length.__gt__)

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        queued = self._inside - settings.served_at_once
        if queued >= 0 and not self._may_queue(queued):
            return Reply(b"no place left", 503)
        self._inside += 1
        try:
            return await following(request)
        finally:
            self._inside -= 1

    def settle(self) -> Mapping[str, Any]:
        self._may_queue.check()
        return {}
