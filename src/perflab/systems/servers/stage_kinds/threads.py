"""A thread for each request, or one event loop for all: synchronous and asynchronous servers.

What is behind this stage runs on the thread, which a wait holds up; or as a task of the event loop, which goes on with other
requests during a wait, and with none while one computes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from perflab.measure.guards import BadInput, check_number, machine_limits
from perflab.systems.http.http11 import Reply, Request
from perflab.systems.servers.fair_threads import FairThreads
from perflab.systems.servers.stages import Host, Next, SettableStage


@dataclass(frozen=True)
class Settings:
    """How many threads; with `asynchronous` they are idle, and requests are not limited."""

    threads: int = 8
    asynchronous: bool = False

    def __post_init__(self) -> None:
        check_number("threads", self.threads, 1, machine_limits().threads, whole=True)
        if not isinstance(self.asynchronous, bool):
            raise BadInput(f"asynchronous must be true or false; got {self.asynchronous!r}.")


class Threads(SettableStage[Settings]):
    """A request waits for a thread in the order of arrival."""

    settings_type = Settings

    def __init__(self, host: Host, settings: Settings) -> None:
        super().__init__(host, settings)
        self._number, self._threads = settings.threads, FairThreads(settings.threads, host.now_ns)

    def change(self, settings: Settings) -> None:
        if settings.threads != self._number:
            before, self._threads = self._threads, FairThreads(settings.threads, self.host.now_ns)
            self._number = settings.threads
            before.close()  # they end when what they have is done

    async def answer(self, settings: Settings, request: Request, following: Next) -> Reply:
        if settings.asynchronous:
            return await following(request)
        return await asyncio.wrap_future(self._threads.submit(partial(_drive, request, following)))

    def close(self) -> None:
        self._threads.close()


def _drive(request: Request, following: Next, had_ns: int) -> Reply:
    """Run a coroutine on this thread, from its beginning to its end."""
    steps = following(request).__await__()
    try:
        next(steps)
    except StopIteration as done:
        reply: Reply = done.value
        return reply
    raise RuntimeError(
        "a stage awaited the event loop on a thread: what stages wait for, they await through their host"
    )
