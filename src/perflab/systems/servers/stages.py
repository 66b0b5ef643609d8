"""A server is a list of stages, as Starlette composes middleware: each answers a request, or has the next one answer it.

All stages of a request run in one task (behind `threads`, on one thread), so an exception or a cancellation passes through each
of them, from the inside out: a stage gives back in `finally` what it holds. HTTP/1.1 cancels nothing: a client that has hung up
is noticed when its reply is sent.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from perflab.systems.http.http11 import Reply, Request
from perflab.systems.process.child import Handlers
from perflab.systems.process.pausable import PausableSleep, RunningClock

Result = TypeVar("Result")
Chosen = TypeVar("Chosen")
Next = Callable[[Request], Awaitable[Reply]]
"""What is inside a stage: the stages after it, and at last what answers every request."""
Stage = Callable[[Request, Next], Awaitable[Reply]]


def chain(stages: Sequence[Stage], last: Next) -> Next:
    """All stages as one handler; a request enters the first one first and leaves it last."""
    for stage in reversed(stages):
        last = _enclose(stage, last)
    return last


def _enclose(stage: Stage, following: Next) -> Next:
    return lambda request: stage(request, following)


def timed(name: str, stage: Stage, now_ns: Callable[[], int]) -> Stage:
    """The stage, which notes in the request's `state[name]` when it was entered and left (ns), however it was left."""

    async def note(request: Request, following: Next) -> Reply:
        entered_ns = now_ns()
        try:
            return await stage(request, following)
        finally:
            request.state[name] = entered_ns, now_ns()

    return note


class Host(PausableSleep):
    """Where stages run: a clock that can be paused, and waiting, which holds up a thread, but never the event loop.

    A stage behind `threads` runs on a thread, which no `await` may suspend. What a stage waits for, it awaits through its host.
    """

    def __init__(self, clock: RunningClock) -> None:
        super().__init__(clock)
        self._loop, self._loops_thread = asyncio.get_running_loop(), threading.get_ident()

    @property
    def is_on_thread(self) -> bool:
        """Whether the caller runs on a thread of its own; else it shares that of the event loop."""
        return threading.get_ident() != self._loops_thread

    async def wait(self, seconds: float) -> None:
        """Wait so many seconds of running."""
        if self.is_on_thread:
            self.sleep(seconds)
        else:
            await self.sleep_on_loop(seconds)

    async def on_loop(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """What a coroutine returns that has to run on the event loop."""
        if self.is_on_thread:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
        return await coroutine


@dataclass(frozen=True)
class NoSettings:
    """Of a stage that has none."""


class SettableStage(Generic[Chosen]):
    """A stage with settings: a frozen dataclass that refuses wrong values with `BadInput`.

    A request keeps the settings with which it arrived, whatever is set meanwhile.
    """

    settings_type: ClassVar[type] = NoSettings

    def __init__(self, host: Host, settings: Chosen) -> None:
        self.host = host
        self.requests: Handlers = {}
        """What the parent may ask of this stage."""

    async def answer(self, settings: Chosen, request: Request, following: Next) -> Reply:
        """One request."""
        return await following(request)

    def change(self, settings: Chosen) -> None:
        """These are the settings from now on. Called on another thread."""

    def settle(self) -> Mapping[str, Any]:
        """The clock was stopped: what was noted since the last time, in columns."""
        return {}

    async def look_after_itself(self) -> None:
        """Runs beside the requests."""

    def close(self) -> None:
        """The server ends."""
