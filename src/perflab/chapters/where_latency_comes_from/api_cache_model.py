"""What theory expects of the API with a cache over the very run that is measured; the mean response by simulating it.

The run begins with an empty queue and an empty cache, and is cut when it ends: where more is asked than the one thread can do,
the mean is that of the requests answered by then.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.theory.ttl import hit_ratio_of_window, mean_hit_ratio, zipf

RUN_S, SKEW, LOGIC_MS = 2.0, 0.8, 0.5
"""How long a run takes, how unequally popular products are, and the work on each request, hit or miss."""
WINDOWS_S = (0.05, 0.2, 0.5, 1.0, 1.5, RUN_S)
PROBE_MS = 4
"""Milliseconds of database and of logic that the calibration asks for."""
MIN_REQUESTS, MIN_RUNS = 8_000, 40
Requests = tuple[Sequence[float], Sequence[int]]
"""When each request arrives (s), and the key that it asks for."""


@dataclass(frozen=True)
class Expected:
    """Hit ratios up to each of `WINDOWS_S`, and long after the empty start; ns of a hit, of a miss, and the mean of a run.

    `mean` is that of the requests answered within the run. `utilisation` is what the API's thread is asked for, as a share of
    what it can do; above 1 the queue only grows.
    """

    ratio_so_far: NDArray[np.float64]
    steady: float
    hit: float
    miss: float
    mean: float
    utilisation: float


def predict(ttl: float, keys: int, database: int, rate: int, constants: Mapping[str, Any]) -> Expected:
    """Hit ratios by renewal theory; the mean from the same run simulated: one thread serves hits and misses in their order."""
    popularity = zipf(keys, SKEW)
    so_far = np.array([hit_ratio_of_window(rate, popularity, ttl, window) for window in WINDOWS_S])
    of_logic = LOGIC_MS / PROBE_MS * (constants["logic inside"] - constants["hit inside"])
    of_page = constants["page inside"] - constants["hit inside"]
    of_database = database / PROBE_MS * (constants["miss inside"] - constants["page inside"])
    outside = constants["hit outside"]
    hit = constants["hit inside"] + of_logic
    miss = hit + of_page + of_database
    utilisation = rate / 1e9 * (so_far[-1] * hit + (1 - so_far[-1]) * miss)
    run = answered_in_run(ttl, keys, SKEW, rate, hit / 1e9, miss / 1e9)
    if utilisation > 1:  # the renewals are those of all requests, but only the first of them are answered in time
        so_far = run.ratios(WINDOWS_S)
    steady, mean = mean_hit_ratio(rate, popularity, ttl), outside + 1e9 * run.mean
    return Expected(so_far, steady, outside + hit, outside + miss, mean, utilisation)


@dataclass(frozen=True)
class Answered:
    """Requests answered within the run: `mean` time in queue and service (NaN without any), when they and the misses arrived."""

    mean: float
    arrived: Sequence[float]
    missed: Sequence[float]

    def ratios(self, windows: Sequence[float]) -> NDArray[np.float64]:
        """Share of hits among those that arrived up to each of these moments."""
        misses, all_of_them = (np.searchsorted(np.sort(each), windows, "right") for each in (self.missed, self.arrived))
        return (all_of_them - misses) / np.maximum(1, all_of_them)


@lru_cache(maxsize=256)
def answered_in_run(ttl: float, keys: int, skew: float, rate: int, hit: float, miss: float) -> Answered:
    """What becomes of the requests of several such runs.

    `hit` and `miss` are how long (s) each holds the thread. A request looks into the cache when it has the thread, and a miss has
    filled it when what it takes longer than a hit has passed.
    """
    waited, answered, missed = 0.0, list[float](), list[float]()
    for arrivals, asked in runs(keys, skew, rate):
        free, number = 0.0, len(arrivals)
        filled = [-np.inf] * keys
        for arrived, key in zip(arrivals, asked, strict=True):
            if arrived > free:
                free = arrived
            if free - filled[key] < ttl:
                free += hit
            else:
                free += miss
                filled[key] = free - hit
                missed.append(arrived)
            if free > RUN_S:
                number = bisect_left(arrivals, arrived)
                break
            waited += free - arrived
        answered += arrivals[:number]
        if missed and number < len(arrivals) and missed[-1] == arrivals[number]:
            missed.pop()  # it was not answered within the run
    return Answered(waited / len(answered) if answered else float("nan"), answered, missed)


@lru_cache(maxsize=16)
def runs(keys: int, skew: float, rate: int) -> tuple[Requests, ...]:
    """Several runs; always the same ones, so that only the controls change what is drawn."""
    arrivals = arrivals_at(rate)
    ends = np.cumsum([len(run) for run in arrivals]).tolist()
    chances = np.random.default_rng((rate, 1)).uniform(size=ends[-1])
    asked = np.minimum(np.searchsorted(np.cumsum(zipf(keys, skew)), chances), keys - 1).tolist()
    return tuple((run, asked[end - len(run) : end]) for run, end in zip(arrivals, ends, strict=True))


@lru_cache(maxsize=16)
def arrivals_at(rate: int) -> tuple[Sequence[float], ...]:
    """Poisson arrivals of several runs, whose numbers are spread evenly over their distribution."""
    expected = rate * RUN_S
    number = max(MIN_RUNS, math.ceil(MIN_REQUESTS / expected))
    generator = np.random.default_rng(rate)
    shares = [NormalDist().inv_cdf((place + 0.5) / number) for place in range(number)]
    sizes = [max(1, round(expected + math.sqrt(expected) * share)) for share in shares]
    drawn = generator.uniform(0, RUN_S, sum(sizes))
    # One run after the other, all are put in order at once.
    in_order = drawn[np.argsort(drawn + 2 * RUN_S * np.repeat(np.arange(number), sizes))].tolist()
    ends = np.cumsum(sizes).tolist()
    return tuple(in_order[end - size : end] for size, end in zip(sizes, ends, strict=True))
