"""Cars on a road of cells: the model of Nagel and Schreckenberg (1992), on several lanes (Rickert and others, 1996).

Each step all cars do the same four things at once: speed up by one, brake to the gap ahead, hesitate with probability p, drive.
A cell is 7.5 m and a step is a second, so that a speed of 5 is 135 km/h. Positions, lanes and speeds have shape (cars,).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

CELL_M = 7.5
Ints = NDArray[np.int64]


@dataclass
class Road:
    """A road and the cars on it; `closed` makes it a ring. Cars keep their `number` for as long as they are on it.

    `entered` is the step at which each car came on, or on a ring last passed its end; `came` and `passed` count all so far.
    """

    cells: int
    lanes: int = 1
    fastest: int = 5
    hesitation: float = 0.3
    closed: bool = False
    step: int = 0
    position: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    lane: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    speed: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    number: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    entered: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    came: int = 0
    passed: int = 0

    def __post_init__(self) -> None:
        if self.cells < 2 or self.lanes < 1 or self.fastest < 1 or not 0 <= self.hesitation <= 1:
            raise ValueError(
                "a road has at least two cells, a lane, a speed limit of 1, and hesitation between 0 and 1"
            )

    @property
    def density(self) -> float:
        """Cars per cell and lane."""
        return self.position.size / (self.cells * self.lanes)

    @property
    def flow(self) -> float:
        """Cars per step and lane that pass a point, by density times mean speed: exact on average over a ring."""
        return float(self.speed.sum()) / (self.cells * self.lanes)

    def density_and_flow(self, first: int, end: int) -> tuple[float, float]:
        """The same two on a stretch of the road, from cell `first` up to `end`: what detectors there see."""
        here = (self.position >= first) & (self.position < end)
        places = (end - first) * self.lanes
        return float(here.sum()) / places, float(self.speed[here].sum()) / places

    def fill(self, density: float, generator: np.random.Generator) -> None:
        """Put cars at rest on random cells, so many per cell and lane."""
        if not 0 <= density <= 1:
            raise ValueError("the density lies between 0 and 1")
        places = generator.choice(self.cells * self.lanes, round(density * self.cells * self.lanes), replace=False)
        self.lane, self.position = np.divmod(np.sort(places).astype(np.int64), self.cells)
        self.speed = np.zeros_like(self.position)
        self.number = np.arange(self.position.size)
        self.came = self.position.size
        self.entered = np.full(self.position.size, self.step, np.int64)

    def enter(self, wanted: int) -> int:
        """Let up to so many cars on, one for each lane that has room, the emptiest lane first; returns how many came on.

        They come as cars of a free flow do: at full speed, that many cells behind the car before, in one of the cells that a car
        reaches in its first step. So the entrance carries whatever the road behind it can (Barlovic and others 2002).
        """
        rooms = ((self._room(lane), lane) for lane in range(self.lanes))
        chosen = sorted(((room, lane) for room, lane in rooms if room >= 0), reverse=True)[:wanted]
        self._append(chosen)
        return len(chosen)

    def advance(self, generator: np.random.Generator) -> Ints:
        """One step of all cars; returns the trip times (steps) of those that passed the end: they leave, or go round again."""
        if self.lanes > 1:
            self._change_lanes(generator)
        gap = self._gap_ahead(self.lane)
        speed = np.minimum(np.minimum(self.speed + 1, self.fastest), gap)
        hesitates = generator.random(speed.size) < self.hesitation
        self.speed = np.maximum(speed - hesitates, 0)
        self.position = self.position + self.speed
        self.step += 1
        at_end = self.position >= self.cells
        trips = self.step - self.entered[at_end]
        self.passed += int(at_end.sum())
        if self.closed:
            self.position %= self.cells
            self.entered[at_end] = self.step
        else:
            self._keep(~at_end)
        return trips

    def _change_lanes(self, generator: np.random.Generator) -> None:
        # Even and odd lanes in turns, so that two cars never change into the same cell from both sides.
        towards = np.where((self.lane + self.step) % 2 == 0, 1, -1)
        target = self.lane + towards
        here = (target >= 0) & (target < self.lanes)
        target = np.where(here, target, self.lane)
        own, other = self._gap_ahead(self.lane), self._gap_ahead(target, alongside=True)
        behind = self._gap_behind(target)
        wants = here & (own < np.minimum(self.speed + 1, self.fastest)) & (other > own) & (behind >= self.fastest)
        self.lane = np.where(wants, target, self.lane)

    def _gap_ahead(self, lanes: Ints, alongside: bool = False) -> Ints:
        """Free cells ahead of each car if it were on the given lane; −1 where the cell beside it is taken."""
        return self._gaps(lanes, "left" if alongside else "right", ahead=True)

    def _gap_behind(self, lanes: Ints) -> Ints:
        """Free cells behind each car if it were on the given lane."""
        return self._gaps(lanes, "left", ahead=False)

    def _gaps(self, lanes: Ints, side: Literal["left", "right"], ahead: bool) -> Ints:
        round_the_ring = self.cells if self.closed else 10**9
        gap = np.full(self.position.size, self.fastest + self.cells, np.int64)
        for lane in range(self.lanes):
            mine = lanes == lane
            taken = self._taken(lane)
            if not taken.size or not mine.any():
                continue
            place = self.position[mine]
            index = np.searchsorted(taken, place, side=side)
            if ahead:
                gap[mine] = taken[index % taken.size] + np.where(index == taken.size, round_the_ring, 0) - place - 1
            else:
                gap[mine] = place - taken[index - 1] + np.where(index == 0, round_the_ring, 0) - 1
        return gap

    def _taken(self, lane: int) -> Ints:
        """Cells of a lane that hold a car, in order."""
        return np.sort(self.position[self.lane == lane])

    def _room(self, lane: int) -> int:
        """The cell in which a car can come on; negative where there is no room."""
        last = int(self.position[self.lane == lane].min(initial=2 * self.fastest))
        return min(self.fastest, self.cells, last - self.fastest) - 1

    def _append(self, chosen: list[tuple[int, int]]) -> None:
        count = len(chosen)
        cells, lanes = np.array(chosen, np.int64).reshape(count, 2).T
        self.position = np.append(self.position, cells)
        self.lane = np.append(self.lane, lanes)
        self.speed = np.append(self.speed, np.full(count, self.fastest, np.int64))
        self.number = np.append(self.number, np.arange(self.came, self.came + count))
        self.entered = np.append(self.entered, np.full(count, self.step, np.int64))
        self.came += count

    def _keep(self, chosen: NDArray[np.bool_]) -> None:
        for name in ("position", "lane", "speed", "number", "entered"):
            setattr(self, name, getattr(self, name)[chosen])


def flow_of_slow_cars(density: ArrayLike, hesitation: float) -> NDArray[np.float64]:
    """Exact flow of a ring with v = 1: (1 − √(1 − 4(1 − p)ρ(1 − ρ))) / 2 (Schreckenberg and others 1995)."""
    rho = np.asarray(density, float)
    return (1 - np.sqrt(1 - 4 * (1 - hesitation) * rho * (1 - rho))) / 2


def flow_of_triangle(density: ArrayLike, fastest: int, hesitation: float) -> NDArray[np.float64]:
    """Flow if no jam formed by itself: free cars drive v − p, jams dissolve car by car at 1 − p: min((v − p)ρ, (1 − p)(1 − ρ)).

    The kinematic-wave picture (Lighthill and Whitham 1955; Newell 1993). Exact for p = 0; otherwise an upper bound, which is the
    further off the more jams hesitation makes.
    """
    rho = np.asarray(density, float)
    return np.minimum((fastest - hesitation) * rho, (1 - hesitation) * (1 - rho))


def expected_flow(density: ArrayLike, fastest: int, hesitation: float, lanes: int = 1) -> NDArray[np.float64]:
    """The exact flow where it is known (see `is_exact`), otherwise the triangle above it. Cars per step and lane."""
    if fastest == 1 and lanes == 1:
        return flow_of_slow_cars(density, hesitation)
    return flow_of_triangle(density, fastest, hesitation)


def free_density(flow: float, fastest: int, hesitation: float, lanes: int = 1) -> float:
    """The lower of the two densities at which `expected_flow` is `flow`, which must not lie above its peak.

    On one lane of slow cars the solution of q(1 − q) = (1 − p)ρ(1 − ρ); on the triangle q/(v − p).
    """
    if fastest == 1 and lanes == 1:
        return (1 - math.sqrt(max(0.0, 1 - 4 * flow * (1 - flow) / (1 - hesitation)))) / 2
    return flow / (fastest - hesitation)


def is_exact(fastest: int, hesitation: float, lanes: int = 1) -> bool:
    """Whether `expected_flow` is the exact one: on one lane, with p = 0 or v = 1.

    Cars that change lanes need no gap in step with the others; and lanes are not equally full, which costs some of the peak.
    """
    return lanes == 1 and (fastest == 1 or hesitation == 0)
