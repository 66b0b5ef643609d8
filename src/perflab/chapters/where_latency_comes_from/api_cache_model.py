"""The mean response of the API with a cache over the very run that is measured, simulated several times over. Times in seconds.

The run begins with an empty queue and an empty cache, and is cut when it ends: where more is asked than the one thread can do,
the mean is that of the requests answered by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from perflab.theory.ttl import zipf

RUN_S = 2.0
MIN_REQUESTS = 8_000
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
    """Several runs of Poisson arrivals, whose numbers are spread evenly over their distribution; always the same."""
    number = -(-MIN_REQUESTS // int(rate * RUN_S))
    generator = np.random.default_rng(rate)
    edges = np.cumsum(zipf(keys, skew))
    made = []
    for place in range(number):
        expected = rate * RUN_S
        size = round(expected + np.sqrt(expected) * NormalDist().inv_cdf((place + 0.5) / number))
        arrivals = np.sort(generator.uniform(0, RUN_S, max(1, size)))
        asked = np.minimum(np.searchsorted(edges, generator.uniform(size=arrivals.size)), keys - 1)
        made.append((arrivals.tolist(), asked.tolist()))
    return tuple(made)
