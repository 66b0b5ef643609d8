"""The mean response of the API with a cache over the very run that is measured, simulated several times over. Times in seconds.

The run begins with an empty queue and an empty cache, and is cut when it ends: where more is asked than the one thread can do,
the mean is that of the requests answered by then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from perflab.theory.ttl import zipf

RUN_S = 2.0
MIN_REQUESTS, MIN_RUNS = 8_000, 40
Run = tuple[Sequence[float], Sequence[int]]
"""When each request arrives, and the key that it asks for."""


@lru_cache(maxsize=256)
def mean_of_run(ttl: float, keys: int, skew: float, rate: int, hit: float, miss: float) -> float:
    """Mean time in queue and service; NaN where no request is answered within the run.

    `hit` and `miss` are how long each holds the thread. A request looks into the cache when it has the thread, and a miss has
    filled it when what it takes longer than a hit has passed.
    """
    waited, answered = 0.0, 0
    for arrivals, asked in runs(keys, skew, rate):
        free = 0.0
        filled = [-np.inf] * keys
        for arrived, key in zip(arrivals, asked, strict=True):
            start = arrived if arrived > free else free
            if start - filled[key] < ttl:
                free = start + hit
            else:
                free = start + miss
                filled[key] = free - hit
            if free > RUN_S:
                break
            waited, answered = waited + free - arrived, answered + 1
    return waited / answered if answered else float("nan")


@lru_cache(maxsize=16)
def runs(keys: int, skew: float, rate: int) -> tuple[Run, ...]:
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
    return tuple(np.sort(generator.uniform(0, RUN_S, size)).tolist() for size in sizes)
