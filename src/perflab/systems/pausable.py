"""Sleeping that stands still while a lab draws: a request that was half done before is half done afterwards."""

from __future__ import annotations

import threading

from perflab.systems.cache import PausableClock


class PausableSleep:
    """`sleep` from any thread; between `pause` and `resume` no time passes for those who sleep."""

    def __init__(self, clock: PausableClock | None = None) -> None:
        self._clock = clock or PausableClock()
        self._changed = threading.Condition()
        self._paused = False

    def now_ns(self) -> int:
        """Nanoseconds of running."""
        return round(self._clock.now() * 1e9)

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds of running."""
        until = self._clock.now() + seconds
        with self._changed:
            while (left := until - self._clock.now()) > 0:
                self._changed.wait(None if self._paused else left)

    def pause(self) -> None:
        """Stand still from now on."""
        with self._changed:
            self._paused = True
            self._clock.pause()

    def resume(self) -> None:
        """Go on."""
        with self._changed:
            self._paused = False
            self._clock.resume()
            self._changed.notify_all()
