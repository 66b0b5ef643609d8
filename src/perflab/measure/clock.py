"""The clock: durations from `perf_counter_ns`, and what reading it costs. Injectable, so that logic is tested without waiting."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

READINGS = 2_000
ROUNDS = 5
ROUNDING_NS = 1.5
"""Whole nanoseconds of a clock whose steps are no whole nanoseconds differ by one."""
TIES = 4
ENOUGH = 10_000
"""Steps show in so many samples, or nowhere."""
MAX_STEP_NS = 1e6
"""No clock that is read for durations is coarser. What moves in longer steps is no clock: cars that move once per second."""
SPIN_S = 0.0005
"""A sleeping thread is woken a tenth of a millisecond late, and more where something else runs."""
STEPS_TO_TELL = 10
"""Differences of less than so many steps of the clock may be those of its steps."""


class Clock:
    """The machine's clock: monotonic nanoseconds, and waiting."""

    now_ns = staticmethod(time.perf_counter_ns)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def wait(self, seconds: float) -> None:
        """Wait to the microsecond: the last `SPIN_S` keep the CPU busy."""
        end_ns = self.now_ns() + round(seconds * 1e9)
        if seconds > SPIN_S:
            self.sleep(seconds - SPIN_S)
        while self.now_ns() < end_ns:
            pass


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

    wait = sleep

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


def clock_step(samples_ns: ArrayLike) -> float:
    """In which steps (ns) durations around their median are told; 0 where the steps do not show.

    They show where values lie apart, and each stands for `TIES` samples or more.
    """
    taken = np.asarray(samples_ns, float)
    values = np.sort(taken[:: taken.size // ENOUGH + 1])
    if not values.size or values[0] == values[-1]:
        return 0.0
    distinct, middle = np.unique(values), values[(values.size - 1) // 2]
    # Readings whose values differ by a nanosecond are one reading: each group of them is one value of the clock.
    begins = np.flatnonzero(np.diff(distinct, prepend=-np.inf) > ROUNDING_NS)
    lowest, highest = distinct[begins], distinct[np.append(begins[1:], distinct.size) - 1]
    own = int(np.searchsorted(lowest, middle, side="right")) - 1
    usual = np.count_nonzero((lowest >= values[values.size // 4]) & (lowest <= values[3 * values.size // 4]))
    if lowest.size < 2 or highest[own] - lowest[own] > 2 * ROUNDING_NS or 2 * TIES * usual > values.size:
        return 0.0
    step = float(np.diff(lowest[max(0, own - 1) : own + 2]).min())
    return step if step <= MAX_STEP_NS else 0.0
