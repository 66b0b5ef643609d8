"""What a cache with a time to live saves.

A key is filled at a miss, then serves hits for T. With Poisson reads of rate λ a cycle is one miss and on average λT hits:
h = λT / (1 + λT) (renewal argument; Jung, Berger and Balakrishnan, "Modeling TTL-based Internet caches", 2003).
Popularities have shape (keys,); rates are per second, T is in seconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def hit_ratio(rate: ArrayLike, ttl: float) -> NDArray[np.float64]:
    """Share of reads of a key that hit, when it is read `rate` times per second; same shape as `rate`. `ttl` may be infinite."""
    rates = np.asarray(rate, float)
    if not (np.all((rates >= 0) & np.isfinite(rates)) and ttl >= 0):
        raise ValueError("rate and ttl must not be negative, and a rate is not infinite")
    expected = rates * ttl if np.isfinite(ttl) else np.where(rates > 0, np.inf, 0.0)
    return np.asarray(1 - 1 / (1 + expected))


def zipf(keys: int, skew: float) -> NDArray[np.float64]:
    """Popularity of each of `keys`, most popular first: proportional to 1 / rank^skew; skew 0 is uniform."""
    if keys < 1 or skew < 0:
        raise ValueError("there must be at least one key, and the skew must not be negative")
    weights = np.arange(1, keys + 1, dtype=float) ** -skew
    return weights / weights.sum()


def mean_hit_ratio(rate: float, popularity: NDArray[np.float64], ttl: float) -> float:
    """Share of all reads that hit, when `rate` reads per second choose keys by `popularity`."""
    return float(popularity @ hit_ratio(rate * popularity, ttl))


def store_load(rate: float, popularity: NDArray[np.float64], ttl: float) -> float:
    """Reads per second that miss: λ / (1 + λT) of each key, summed."""
    return rate * (1 - mean_hit_ratio(rate, popularity, ttl))


def mean_age(rate: float, popularity: NDArray[np.float64], ttl: float, jitter: float = 0.0) -> float:
    """Mean seconds since what a read gets was filled, over all reads; a miss gets 0.

    A cycle of a key has on average λE[T] hits at times spread evenly over its T, so their ages add up to λE[T²]/2 (Poisson
    arrivals see time averages). With times to live spread evenly over T (1 ± `jitter`), E[T²] = T² (1 + jitter²/3).
    """
    rates = rate * popularity
    square = ttl**2 * (1 + jitter**2 / 3)
    return float(popularity @ (rates * square / 2 / (1 + rates * ttl)))


def hit_ratio_of_window(rate: float, popularity: NDArray[np.float64], ttl: float, window: float) -> float:
    """Expected share of hits during the first `window` seconds of a cache that begins empty.

    Misses of one key until then are renewals whose spacing is T plus an exponential gap: the expected number is
    m(t) = Σ_k P(k-th miss ≤ t) = Σ_k P(Poisson(λ(t − (k−1)T)) ≥ k), summed for the keys.
    """
    expected_reads = rate * window
    if expected_reads <= 0:
        return 0.0
    # Only so many time-to-live periods fit into the window, so the sum is finite.
    fills = 1 if ttl <= 0 else int(np.ceil(window / ttl))
    if ttl <= 0 or fills > MAX_FILLS:
        return mean_hit_ratio(rate, popularity, ttl)
    left = np.maximum(0.0, window - np.arange(fills) * ttl)
    typical, keys = _groups(popularity)
    means = rate * typical[:, None] * left[None, :]
    misses = keys @ _poisson_at_least(means, np.arange(1, fills + 1)).sum(axis=1)
    return float(1 - misses / expected_reads)


def _groups(popularity: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean popularity and number of keys of at most `MAX_GROUPS` groups of keys that are about equally popular."""
    if popularity.size <= MAX_GROUPS:
        return popularity, np.ones(popularity.size)
    ordered = np.sort(popularity)[::-1]
    edges = np.unique(np.geomspace(1, ordered.size + 1, MAX_GROUPS + 1).astype(int)) - 1
    keys = np.diff(edges)
    return np.add.reduceat(ordered, edges[:-1]) / keys, keys.astype(float)


MAX_GROUPS = 60
"""Many unpopular keys are counted together: sixty groups give the sum to three digits, in a tenth of the time."""

MAX_FILLS = 60
"""Beyond so many periods the empty start no longer matters, and the steady formula serves."""


def _poisson_at_least(means: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """P(Poisson(means[:, k]) ≥ counts[k]), for columns with counts 1, 2, …."""
    at_most = np.zeros_like(means)
    term = np.exp(-means)
    for number in range(int(counts.max())):
        at_most += np.where(number < counts[None, :], term, 0.0)
        term = term * means / (number + 1)
    return 1 - at_most
