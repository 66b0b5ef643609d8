"""The slowest reads through a cache: a hit takes no time, a miss queues at a store with one worker.

Misses are taken to arrive at random (Poisson), as they nearly do where many keys are read. Times are in mean services of the
store, ρ is its utilisation: reads per second × (1 − hit ratio) × seconds a service.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
EXACT_UNTIL, STEPS = 3.0, 301


def mean_response(utilisation: ArrayLike, square: float) -> Floats:
    """Mean time of a miss, in the line and at the store: 1 + ρ E[S²] / (2 (1 − ρ)) (Pollaczek and Khinchine), with E[S²] of
    services whose mean is 1: 1 where all take equally long, 2 where they are exponential. Infinite from ρ = 1 on.
    """
    busy = np.asarray(utilisation, float)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(busy < 1, 1 + busy * square / 2 / np.maximum(0.0, 1 - busy), np.inf))


def percentile_exponential(share: float, hit_ratio: ArrayLike, utilisation: ArrayLike) -> Floats:
    """What a share of all reads does not exceed, where services are exponential: ln((1 − h) / (1 − share)) / (1 − ρ), because
    the response of M/M/1 is exponential too; 0 where that share hits, infinite from ρ = 1 on.
    """
    misses, busy = 1 - np.asarray(hit_ratio, float), np.asarray(utilisation, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.log(misses / (1 - share)) / np.maximum(0.0, 1 - busy)
    return np.asarray(np.where(misses <= 1 - share, 0.0, np.where(busy < 1, times, np.inf)))


def percentile_constant(share: float, hit_ratio: ArrayLike, utilisation: ArrayLike) -> Floats:
    """The same where each service takes 1: its time and the wait before it, in M/D/1. Shapes of `hit_ratio` and `utilisation`
    are the same, (n,).
    """
    misses, busy = 1 - np.asarray(hit_ratio, float), np.asarray(utilisation, float)
    is_queue = (misses > 1 - share) & (busy < 1)
    found = np.where(misses <= 1 - share, 0.0, np.inf)
    found[is_queue] = 1 + wait_exceeded_by((1 - share) / misses[is_queue], busy[is_queue])
    return np.asarray(found)


def wait_exceeded_by(share: Floats, utilisation: Floats) -> Floats:
    """The wait in M/D/1 (0 < ρ < 1) that this share of arrivals exceeds; both of shape (n,)."""
    waits = np.linspace(0, EXACT_UNTIL, STEPS)
    found = np.empty(utilisation.size)
    decay = decay_constant(utilisation)
    for place, (wanted, busy) in enumerate(zip(share, utilisation, strict=True)):
        exceed = exceeds_constant(waits, busy)
        if wanted >= exceed[-1]:
            found[place] = np.interp(-wanted, -exceed, waits) if wanted < busy else 0.0
        else:
            found[place] = EXACT_UNTIL + np.log(exceed[-1] / wanted) / decay[place]
    return found


def exceeds_constant(waits: Floats, utilisation: float) -> Floats:
    """P(W > w) in M/D/1, exact: 1 − (1 − ρ) Σ (ρ(k − w))^k / k! · e^(ρ(w − k)), summed for k = 0 … ⌊w⌋ (Erlang 1909; Crommelin
    1932). Its terms alternate: for waits of a few services.
    """
    total = np.zeros_like(waits)
    factorial = 1.0
    for number in range(int(waits.max()) + 1):
        factorial *= max(1, number)
        past = utilisation * np.maximum(0.0, waits - number)
        total += np.where(waits >= number, (-past) ** number / factorial * np.exp(past), 0.0)
    return np.asarray(1 - (1 - utilisation) * total)


def decay_constant(utilisation: Floats) -> Floats:
    """How quickly the tail of waits in M/D/1 falls: P(W > w) ~ e^(−θw), θ > 0 with ρ(e^θ − 1) = θ (Cramér and Lundberg)."""
    theta = -2 * np.log(utilisation)  # lies above the solution, from where Newton's steps come down to it
    for _ in range(60):
        theta = theta - (utilisation * np.expm1(theta) - theta) / (utilisation * np.exp(theta) - 1)
    return np.asarray(theta)
