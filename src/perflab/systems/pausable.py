"""Sleeping that stands still while a lab draws: a request that was half done before is half done afterwards."""

from __future__ import annotations

import asyncio
import threading
import time

from perflab.systems.cache import PausableClock

LOOK_S = 0.001


class PausableSleep:
    """Sleeping, from any thread or on an event loop; between `pause` and `resume` no time passes for those who sleep."""

    def __init__(self, clock: PausableClock | None = None) -> None:
        self._clock = clock or PausableClock()
        self._runs = threading.Event()
        self._runs.set()

    def now_ns(self) -> int:
        """Nanoseconds of running."""
        return round(self._clock.now() * 1e9)

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds of running."""
        until = self._clock.now() + seconds
        # No lock is held, and none is needed to wake: among threads that compute each would cost a turn at the interpreter.
        while (left := until - self._clock.now()) > 0:
            self.stand_still()
            time.sleep(left)

    async def sleep_on_loop(self, seconds: float) -> None:
        """As `sleep`, for one of many tasks on an event loop; goes on within a millisecond of a resume."""
        until = self._clock.now() + seconds
        while (left := until - self._clock.now()) > 0:
            await asyncio.sleep(left if self._runs.is_set() else LOOK_S)

    def stand_still(self) -> None:
        """Wait for the end of a pause; at once while there is none. For work that no sleep interrupts."""
        if not self._runs.is_set():
            self._runs.wait()

    def pause(self) -> None:
        """Stand still from now on."""
        self._runs.clear()
        self._clock.pause()

    def resume(self) -> None:
        """Go on."""
        self._clock.resume()
        self._runs.set()
