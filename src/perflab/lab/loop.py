"""A thread that does what is posted to it, one thing after the other, and has named timers."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Hashable

Action = Callable[[], object]


class Loop:
    """`post` may be called from any thread; everything else belongs to the thread that runs the loop.

    `on_fault` is told of an exception in an action; the loop goes on.
    """

    def __init__(self, on_fault: Callable[[BaseException], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._on_fault = on_fault
        self._clock = clock
        self._inbox: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self._timers: dict[Hashable, tuple[float, Action]] = {}
        self._closed = False

    def post(self, action: Action) -> None:
        """Have `action` done by the loop."""
        self._inbox.put(action)

    def now(self) -> float:
        """The loop's clock, in seconds."""
        return self._clock()

    def set_timer(self, name: Hashable, seconds: float, action: Action) -> None:
        """Do `action` after so many seconds; a timer of the same name is replaced."""
        self._timers[name] = (self._clock() + seconds, action)

    def clear_timer(self, *names: Hashable) -> bool:
        """Forget timers; those that are not set are ignored. Whether one was set."""
        cleared = [self._timers.pop(name, None) for name in names]
        return any(timer is not None for timer in cleared)

    def close(self) -> None:
        """End the loop after the action under way; callable from any thread."""
        self.post(self._close)

    def run_forever(self) -> None:
        """The body of the thread."""
        while not self._closed:
            due = min((at for at, _ in self._timers.values()), default=None)
            try:
                self._do(self._inbox.get(timeout=None if due is None else max(0.0, due - self._clock())))
            except queue.Empty:
                pass
            self.do_due()

    def do_posted(self) -> None:
        """Do all that has been posted so far, and what it posts in turn."""
        while not self._inbox.empty():
            self._do(self._inbox.get())

    def do_due(self) -> None:
        """Do the timers whose time has come, the earliest first."""
        now = self._clock()
        due = sorted(((at, name) for name, (at, _) in self._timers.items() if at <= now), key=lambda pair: pair[0])
        for _, name in due:
            timer = self._timers.pop(name, None)
            if timer is not None:  # an earlier one may have cleared it
                self._do(timer[1])

    def _do(self, action: Action) -> None:
        try:
            action()
        except BaseException as error:  # `exit()` in a learner's function too: without its thread no lab would answer
            self._on_fault(error)

    def _close(self) -> None:
        self._closed = True
