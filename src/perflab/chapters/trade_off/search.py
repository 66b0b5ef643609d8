"""The best of many settings when each look at one is noisy: successive halving, then fresh looks at the last ones.

A search looks at all settings, drops the worse half, looks again, and so on (Karnin, Koren and Somekh, "Almost Optimal
Exploration in Multi-Armed Bandits", 2013). The setting that looks best then was partly lucky (the winner's curse), so what the
search saw is not told: the last settings are measured anew, in turns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from statistics import fmean
from time import perf_counter
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.trade_off.plane import middle_of
from perflab.measure import Estimate, percentile
from perflab.measure.student import half_interval

LAST, MIN_ROUNDS = 8, 6
"""How many settings are left for the fresh looks, and how many of these an interval needs."""
SEARCH_SHARE, SHARE = 0.6, 0.95
Step = TypeVar("Step")
Result = TypeVar("Result")


class Window(NamedTuple):
    """One look at a setting: requests per second, and the p95 of its response times (ns)."""

    per_s: float
    p95_ns: float


class Look(NamedTuple):
    """Which setting to look at next; `is_fresh` when that is no longer part of the search."""

    setting: int
    is_fresh: bool


@dataclass(frozen=True)
class Target:
    """A service level objective: 95% of the response times are at most `p95_ns`, at `per_s` or more."""

    p95_ns: float
    per_s: float

    def score(self, windows: Sequence[Window]) -> float:
        """What the search ranks by: the capacity, less where the p95 is above its target, in proportion."""
        counted = [window for window in windows if math.isfinite(window.per_s)]
        if not counted:
            return 0.0
        per_s, p95_ns = (fmean(values) for values in zip(*counted, strict=True))
        return per_s * min(1.0, self.p95_ns / p95_ns)


def looks(
    number: int, target: Target, total_s: float, spent_s: Callable[[], float], generator: np.random.Generator
) -> Generator[Look, Window, None]:
    """Which setting of so many to look at; each look is answered by its window. It ends before a round of fresh looks, of which
    each takes as long as those before, that would bring `spent_s()` above `total_s`.

    Where the search takes longer than its share of that, it goes on to the fresh looks at once.
    """
    seen: dict[int, list[Window]] = {setting: [] for setting in range(number)}
    left = list(seen)
    while len(left) > LAST:
        for setting in generator.permutation(left).tolist():
            seen[setting].append((yield Look(setting, is_fresh=False)))
        keep = LAST if spent_s() > SEARCH_SHARE * total_s else max(LAST, len(left) // 2)
        left = sorted(left, key=lambda setting: target.score(seen[setting]), reverse=True)[:keep]
    rounds, begun_s = 0, spent_s()
    while rounds < MIN_ROUNDS or spent_s() + (spent_s() - begun_s) / rounds <= total_s:
        for setting in generator.permutation(left).tolist():
            yield Look(setting, is_fresh=True)
        rounds += 1


class Spent:
    """How long (s) generators have run, without what their callers did in between."""

    def __init__(self) -> None:
        self.s = 0.0

    def on(self, steps: Generator[Step, None, Result]) -> Generator[Step, None, Result]:
        """The same steps and result; the time for them counts."""
        while True:
            began = perf_counter()
            try:
                step = next(steps)
            except StopIteration as end:
                result: Result = end.value
                return result
            finally:
                self.s += perf_counter() - began
            yield step


def following(plan: Generator[Look, Window, None], window: Window | None = None) -> Look | None:
    """The next look of a plan, after what the last one brought; None at its end."""
    try:
        return next(plan) if window is None else plan.send(window)
    except StopIteration:
        return None


Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """What a search has seen. Of the windows of the search, and of fresh ones: their settings and their requests per second;
    response times (ns) in fresh windows, and in which of them.
    """

    searched: Numbers
    searched_per_s: Numbers
    fresh: Numbers
    fresh_per_s: Numbers
    times_ns: Numbers
    windows: Numbers


@dataclass(frozen=True)
class Finalist:
    """One of the last settings: the best window that the search saw of it, and what fresh windows found: the median of their
    requests per second, the p95 of all their response times, and the share of these that is within its target.
    """

    setting: int
    best_window: float
    per_s: Estimate
    p95_ns: float
    within: Estimate
    needed: float

    @property
    def meets(self) -> bool | None:
        """Whether it meets the objective; None where an interval has a target in it."""
        if self.per_s.low >= self.needed and self.within.low >= SHARE:
            return True
        return False if self.per_s.high < self.needed or self.within.high < SHARE else None


def finalists(seen: Seen, target: Target) -> list[Finalist]:
    """The last settings, the most requests per second first."""
    found = []
    for setting in np.unique(seen.fresh):
        own = np.flatnonzero(seen.fresh == setting)
        times = seen.times_ns[np.isin(seen.windows, own)]
        shares = np.array([np.mean(seen.times_ns[seen.windows == window] <= target.p95_ns) for window in own])
        half, mean = half_interval(shares), float(shares.mean())
        best = float(np.nanmax(seen.searched_per_s[seen.searched == setting]))
        within = Estimate(mean, mean - half, mean + half)
        found.append(
            Finalist(
                int(setting), best, middle_of(seen.fresh_per_s[own]), percentile(times, SHARE), within, target.per_s
            )
        )
    return sorted(found, key=lambda each: -each.per_s.value)


def answer(found: Sequence[Finalist]) -> Finalist | None:
    """The setting with the highest capacity of those that meet the objective; else of those that may."""
    return next((each for outcome in (True, None) for each in found if each.meets is outcome), None)


def rivals(found: Sequence[Finalist], best: Finalist) -> list[Finalist]:
    """The others that may meet the objective, and whose capacity is not below that of the answer beyond chance."""
    return [
        each for each in found if each is not best and each.meets is not False and each.per_s.high >= best.per_s.low
    ]
