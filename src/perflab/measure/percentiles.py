"""Percentiles by nearest rank, and the ranks between which the true one lies.

Intervals come from order statistics and the binomial distribution, whatever the shape of the latencies
(Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2; Hahn and Meeker, Statistical Intervals, section 5.2).
They hold for independent samples; queueing samples are correlated, see `perflab.theory.resample`.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.95


def percentile(latencies: ArrayLike, share: float) -> float:
    """The smallest value that at least `share` of the samples do not exceed (Hyndman–Fan type 1, "inverted_cdf").

    Raises ValueError without samples, for a sample that is no number (NaN), and for a share that is not above 0 and at most 1.
    """
    values = np.asarray(latencies, float)
    if not values.size:
        raise ValueError("a percentile of no samples does not exist")
    rank = nearest_rank(values.size, share)
    # Partitioning puts NaN last, so that it is found behind the rank without another look at all values.
    ordered = np.partition(values, rank - 1)
    if np.isnan(ordered[rank - 1 :]).any():
        raise ValueError(
            f"{np.isnan(values).sum():,} of {values.size:,} samples are no numbers (NaN): leave them out, and say so"
        )
    return float(ordered[rank - 1])


def nearest_rank(count: int, share: float) -> int:
    """The 1-based rank of a percentile among `count` sorted samples."""
    if not 0 < share <= 1:
        raise ValueError(f"a share is above 0 and at most 1: the p99 is 0.99; got {share:g}")
    # A little below the exact product: 0.99 × 1,000 is 990.0000000000001 in floating point.
    return min(count, max(1, math.ceil(count * share - 1e-9)))


@functools.lru_cache(maxsize=512)
def rank_interval(count: int, share: float, confidence: float = CONFIDENCE) -> tuple[int | None, int | None]:
    """1-based ranks of two samples that enclose the true percentile with at least `confidence`, half of the rest on either side;
    None where none suffices.
    """
    _check_inside(share)
    tail = (1 - confidence) / 2
    start, cumulative = _binomial_window(count, share)
    # Largest low with P(X <= low - 1) <= tail; smallest high with P(X >= high) <= tail, i.e. P(X <= high - 1) >= 1 - tail.
    low = start + int(np.searchsorted(cumulative, tail, side="right"))
    high = start + int(np.searchsorted(cumulative, 1 - tail, side="left")) + 1
    return (low if low >= 1 else None), (high if high <= count else None)


def samples_needed(share: float, confidence: float = CONFIDENCE) -> int:
    """The fewest samples for which an upper end exists: shareⁿ must not exceed half of what confidence leaves."""
    _check_inside(share)
    return math.ceil(math.log((1 - confidence) / 2) / math.log(share))


def _check_inside(share: float) -> None:
    if not 0 < share < 1:
        raise ValueError(
            f"a percentile with an interval has a share above 0 and below 1: the p99 is 0.99; got {share:g}"
        )


def _binomial_window(count: int, share: float) -> tuple[int, np.ndarray]:
    """P(X <= k) for k from `start` on, X binomial; what lies below `start` is beyond ten standard deviations."""
    spread = 10 * math.sqrt(count * share * (1 - share)) + 10
    start, stop = max(0, math.floor(count * share - spread)), min(count, math.ceil(count * share + spread))
    steps = np.arange(start, stop)
    log_ratio = np.log((count - steps) / (steps + 1)) + math.log(share / (1 - share))
    first = (
        math.lgamma(count + 1)
        - math.lgamma(start + 1)
        - math.lgamma(count - start + 1)
        + start * math.log(share)
        + (count - start) * math.log1p(-share)
    )
    return start, np.cumsum(np.exp(first + np.concatenate([[0.0], np.cumsum(log_ratio)])))
