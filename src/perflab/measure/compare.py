"""Two settings compared by their ratio, with its 95% bootstrap interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.measure.clock import STEPS_TO_TELL, clock_step
from perflab.measure.estimate import Estimate
from perflab.measure.percentiles import CONFIDENCE, nearest_rank, rank_interval, samples_needed

RESAMPLES = 1_000
EQUAL_WITHIN = 0.05
ENDS = (2.5, 97.5)
UNKNOWN = (0.0, float("inf"))
ROUNDING = 1e-9
RELATED, FAR = 0.2, 1.5
"""Neighbouring pairs whose logarithms correlate by more than `RELATED` count for fewer, unless they are `FAR` from 1."""
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
    samples on either side for an interval of the percentile, or a percentile of 0, that of the ratio is 0 to infinity.
    """
    generator = np.random.default_rng(seed)
    a, b = _checked(first), _checked(second)
    above, below = _nearest(a, share), _nearest(b, share)
    if above <= 0 or below <= 0:
        return Ratio(above / below if below > 0 else np.nan, *UNKNOWN)
    if _too_few(min(a.size, b.size), share):
        return Ratio(above / below, *UNKNOWN)
    with np.errstate(divide="ignore"):
        drawn = _bootstrap_percentiles(a, share, generator) / _bootstrap_percentiles(b, share, generator)
    found = Ratio(above / below, *np.percentile(drawn, ENDS).tolist())
    return within_steps(found, below, max(clock_step(a), clock_step(b)))


def paired_ratio(first: ArrayLike, second: ArrayLike, step: float = 0.0, queued: bool = False) -> Ratio:
    """Median of the ratios of interleaved pairs; what disturbs both members of a pair cancels. Too few pairs, or a pair with a
    0: as in `ratio`. `step` is that of the clock, in the unit of the columns.

    Its interval are two of the ratios themselves (`rank_interval`). A bootstrap of few pairs is too sure: of two equal settings
    and eight pairs it leaves out 1 in 18 of 100 runs, the ranks in at most 5, from six pairs on.

    `queued`: the pairs, in their order, are slices of queues that go on from one to the next. What delayed one slice delays the
    next one too, so that they count for fewer where that shows, as in an autoregressive process: of simulated queues at 80% with
    a slow service now and then, 13 of 100 pairs of equal runs would be called clear, and 6 are. Nothing but a longer run helps
    above 90%. A difference that is `FAR` from 1 in the whole interval comes from no such delay, and growing queues have it.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    if a.shape != b.shape or not a.size:
        raise ValueError(f"pairs need two equally long, non-empty columns; got {a.size} and {b.size}")
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("a pair has a value that is no number (NaN): leave it out, and say so")
    if a.min() <= 0 or b.min() <= 0:
        return Ratio(float(np.median(a) / np.median(b)) if np.median(b) > 0 else np.nan, *UNKNOWN)
    ratios = np.sort(a / b)
    ends = _ends(ratios, ratios.size)
    if queued and ends[0] <= FAR and ends[1] >= 1 / FAR:
        ends = _ends(ratios, _independent(np.log(a / b)))
    return within_steps(Ratio(float(np.median(ratios)), *ends), float(np.median(b)), step)


def _ends(ordered: NDArray[np.float64], worth: int) -> tuple[float, float]:
    """The interval of the median of ratios that are worth so many independent ones: those of the ranks, spread over all."""
    low, high = rank_interval(worth, 0.5) if worth else (None, None)
    if low is None or high is None:
        return UNKNOWN
    wider = (ordered.size - 1) / max(1, worth - 1)
    return float(ordered[math.floor((low - 1) * wider)]), float(ordered[math.ceil((high - 1) * wider)])


def _independent(logarithms: NDArray[np.float64]) -> int:
    """How many independent values these are worth, by the correlation of neighbours, without its bias (Kendall 1954)."""
    size, off = logarithms.size, logarithms - logarithms.mean()
    scatter = float((off**2).sum())
    if size < 5 or scatter < size * ROUNDING**2:
        return size
    related = (float((off[1:] * off[:-1]).sum()) / scatter + 1 / size) / (1 - 3 / size)
    return size if related <= RELATED else int(size * (1 - min(related, 1.0)) / (1 + related))


def more_of(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool | None:
    """Whether the first of a pair is the larger; None where the 95% interval of the median difference has 0 in it. For shares,
    which may be 0 and have no ratio. Pairs with a NaN, a share of nothing, are left out.
    """
    differences = np.sort(first - second)[: int(np.isfinite(first - second).sum())]  # NaN is sorted last
    low, high = _ends(differences, differences.size)
    return None if low <= 0 <= high else low > 0


def lie_apart(first: NDArray[np.float64], second: NDArray[np.float64], times: float = 1.0) -> bool | None:
    """Whether all values of one side are more than so many times all of the other's. None where they are, and too few: of n and
    m equal ones, all of the larger ones are on one side in 2 of (n + m)!/(n!·m!) cases (the extreme of Mann and Whitney's test).
    """
    is_apart = bool(first.min() > times * second.max() or second.min() > times * first.max())
    by_chance = 2 / math.comb(first.size + second.size, first.size)
    return None if is_apart and by_chance > 1 - CONFIDENCE else is_apart


def within_steps(found: Ratio, below: float, step: float) -> Ratio:
    """The ratio with an interval no narrower than a step of the clock is of its lower number, `below`; with 1 in it where the
    two differ by less than `STEPS_TO_TELL` steps. Such a difference may come from where the steps happen to lie.
    """
    if step <= 0:
        return found
    half = step / below / 2
    low, high = min(found.low, found.value - half), max(found.high, found.value + half)
    if abs(found.value - 1) * below < STEPS_TO_TELL * step:
        low, high = min(low, 1.0), max(high, 1.0)
    return Ratio(found.value, max(0.0, low), high)


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
