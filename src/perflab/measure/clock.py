"""The clock: durations from `perf_counter_ns`, and what reading it costs. Injectable, so that logic is tested without waiting."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

READINGS = 2_000
ROUNDS = 5


class Clock:
    """The machine's clock: monotonic nanoseconds, and waiting."""

    now_ns = staticmethod(time.perf_counter_ns)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


SYSTEM_CLOCK = Clock()


class VirtualClock(Clock):
    """A clock that advances only when `sleep` or `advance` is called; each reading can cost `reading_ns`."""

    def __init__(self, now_ns: int = 0, reading_ns: int = 0) -> None:
        self._now_ns = now_ns
        self._reading_ns = reading_ns

    def now_ns(self) -> int:
        self._now_ns += self._reading_ns
        return self._now_ns

    def sleep(self, seconds: float) -> None:
        self.advance(round(seconds * 1e9))

    def advance(self, nanoseconds: int) -> None:
        """Let time pass."""
        self._now_ns += max(0, nanoseconds)


@dataclass(frozen=True)
class ClockCost:
    """What one reading takes, and the smallest step between two different readings, both in ns."""

    reading_ns: float
    resolution_ns: float


def measure_clock(clock: Clock = SYSTEM_CLOCK) -> ClockCost:
    """Read the clock a few thousand times: the fastest round's mean per reading, and the smallest step seen."""
    now_ns = clock.now_ns
    best_ns, smallest_ns = float("inf"), float("inf")
    for _ in range(ROUNDS):
        readings = [now_ns() for _ in range(READINGS)]
        best_ns = min(best_ns, (readings[-1] - readings[0]) / (READINGS - 1))
        steps = [later - earlier for earlier, later in itertools.pairwise(readings) if later > earlier]
        smallest_ns = min(smallest_ns, *steps) if steps else smallest_ns
    return ClockCost(best_ns, smallest_ns)
