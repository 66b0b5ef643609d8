"""Two settings compared by their ratio, with its 95% bootstrap interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.measure.blocks import MIN_FOR_RATIO, ORDER_OF_MAGNITUDE, STUDENT_95, independent, percentile_error
from perflab.measure.estimate import Estimate
from perflab.measure.percentiles import nearest_rank, rank_interval, samples_needed

RESAMPLES = 1_000
EQUAL_WITHIN = 0.05
ENDS = (2.5, 97.5)
UNKNOWN = (0.0, float("inf"))
CLEAR, TOO_CLOSE, EQUAL = "clear", "too close to call", "practically equal"


class Ratio(Estimate):
    """How many times the first is the second; from 0 to infinity where there are too few samples to say."""

    @property
    def verdict(self) -> str:
        """ "practically equal" within ±5%, "clear" when the interval leaves out 1, else "too close to call"."""
        if self.low >= 1 - EQUAL_WITHIN and self.high <= 1 + EQUAL_WITHIN:
            return EQUAL
        return CLEAR if self.low > 1 or self.high < 1 else TOO_CLOSE


def ratio(first: ArrayLike, second: ArrayLike, share: float = 0.5, seed: int = 0) -> Ratio:
    """Ratio of one percentile of two independent sets of samples.

    The bootstrap of a nearest-rank percentile needs no resampling: its rank in the sorted samples is that of the rank-th
    smallest of n uniform draws, which follows a beta distribution (Efron and Tibshirani 1993, section 6.3). With too few
    samples on either side for an interval of the percentile, that of the ratio is 0 to infinity.
    """
    generator = np.random.default_rng(seed)
    a, b = _checked(first), _checked(second)
    value = _nearest(a, share) / _nearest(b, share)
    if _too_few(min(a.size, b.size), share):
        return Ratio(value, *UNKNOWN)
    drawn = _bootstrap_percentiles(a, share, generator) / _bootstrap_percentiles(b, share, generator)
    return Ratio(value, *np.percentile(drawn, ENDS).tolist())


def paired_ratio(first: ArrayLike, second: ArrayLike) -> Ratio:
    """Median of the ratios of interleaved pairs; what disturbs both members of a pair cancels. Too few pairs: as in `ratio`.

    Its interval are two of the ratios themselves (`rank_interval`). A bootstrap of few pairs is too sure: of two equal settings
    and eight pairs it leaves out 1 in 18 of 100 runs, the ranks in at most 5, from six pairs on.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    if a.shape != b.shape or not a.size:
        raise ValueError(f"pairs need two equally long, non-empty columns; got {a.size} and {b.size}")
    ratios = np.sort(a / b)
    low, high = rank_interval(ratios.size, 0.5)
    ends = UNKNOWN if low is None or high is None else (float(ratios[low - 1]), float(ratios[high - 1]))
    return Ratio(float(np.median(ratios)), *ends)


def block_ratio(first: ArrayLike, second: ArrayLike, share: float = 0.5, fewest: float = MIN_FOR_RATIO) -> Ratio:
    """Ratio of one percentile of two sets of correlated samples, each in the order it was taken; too few: as in `ratio`.

    Its interval comes from the spread between blocks of each run, but is at least an order of magnitude up and down where a run
    is worth fewer than `fewest` independent samples (`perflab.measure.blocks`); 0 for samples that are alike in each run.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    value = _nearest(_checked(a), share) / _nearest(_checked(b), share)
    error = np.hypot(percentile_error(a, share), percentile_error(b, share))
    if _too_few(min(a.size, b.size), share) or not np.isfinite(error):
        return Ratio(value, *UNKNOWN)
    # As many degrees of freedom as one run has, not both: one of the two may scatter much more than the other.
    factor = float(np.exp(STUDENT_95 * error))
    if min(independent(a), independent(b)) < fewest:
        factor = max(factor, ORDER_OF_MAGNITUDE)
    return Ratio(value, value / factor, value * factor)


def _too_few(count: int, share: float) -> bool:
    return count < samples_needed(max(share, 1 - share))


def _bootstrap_percentiles(
    ordered: NDArray[np.float64], share: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    rank = nearest_rank(ordered.size, share)
    positions = generator.beta(rank, ordered.size + 1 - rank, RESAMPLES) * ordered.size
    return ordered[np.minimum(positions.astype(int), ordered.size - 1)]


def _nearest(ordered: NDArray[np.float64], share: float) -> float:
    return float(ordered[nearest_rank(ordered.size, share) - 1])


def _checked(samples: ArrayLike) -> NDArray[np.float64]:
    values = np.sort(np.asarray(samples, float))
    if not values.size:
        raise ValueError("a ratio needs samples on both sides")
    return values
