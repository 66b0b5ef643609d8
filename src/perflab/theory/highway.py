"""A stretch of highway with an entrance: cars come at random, wait until there is room, drive, and leave past the checkpoint."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from perflab.theory.traffic import Road


class Highway:
    """`rate` cars per step come to the entrance (Poisson). First come, first served; a car that finds no room waits there."""

    def __init__(self, road: Road, rate: float, generator: np.random.Generator) -> None:
        if road.closed or rate < 0:
            raise ValueError("a highway is an open road, and the rate is not negative")
        self.road = road
        self._rate, self._generator = rate, generator
        self._ramp: deque[int] = deque()
        self._arrived_at: dict[int, int] = {}
        self.arrived = 0

    @property
    def waiting(self) -> int:
        """Cars at the entrance that have found no room so far."""
        return len(self._ramp)

    def step(self) -> NDArray[np.int64]:
        """One step; the trip times of the cars that left in it, in steps from when they came to the entrance."""
        road = self.road
        arrivals = int(self._generator.poisson(self._rate))
        self.arrived += arrivals
        self._ramp.extend([road.step] * arrivals)
        first = road.came
        for number in range(first, first + road.enter(len(self._ramp))):
            self._arrived_at[number] = self._ramp.popleft()
        before = road.number
        road.advance(self._generator)
        gone = np.setdiff1d(before, road.number, assume_unique=True)
        return np.array([road.step - self._arrived_at.pop(number) for number in gone.tolist()], np.int64)
