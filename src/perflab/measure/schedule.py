"""When requests are meant to be sent: int64 ns from the start, shape (n,), made before the run; and random service times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.measure.guards import MAX_REQUESTS_PER_S, check_number

MAX_SCHEDULE_S = 600.0


def constant(rate: float, seconds: float) -> NDArray[np.int64]:
    """Evenly spaced sending times, the first at 0."""
    rate, seconds = _checked(rate, seconds)
    return np.round(np.arange(round(rate * seconds)) * (1e9 / rate)).astype(np.int64)


def poisson(rate: float, seconds: float, seed: int) -> NDArray[np.int64]:
    """Sending times of a Poisson process: independent users, gaps exponentially distributed with mean 1/rate."""
    rate, seconds = _checked(rate, seconds)
    generator = np.random.default_rng(seed)
    times = np.sort(generator.uniform(0, seconds, generator.poisson(rate * seconds)))
    return (times * 1e9).astype(np.int64)


def services(mean: float, number: int, seed: int) -> NDArray[np.float64]:
    """So many exponentially distributed service times, in the unit of `mean`; independent of the schedule of the same seed."""
    return np.random.default_rng((seed, 1)).exponential(mean, number)


def _checked(rate: float, seconds: float) -> tuple[float, float]:
    return check_number("rate", rate, 0.01, MAX_REQUESTS_PER_S), check_number("seconds", seconds, 0.001, MAX_SCHEDULE_S)
