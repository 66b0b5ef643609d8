"""The summary of a run: every number with its interval, or with what it needs to have one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.measure.clock import clock_step
from perflab.measure.estimate import Estimate
from perflab.measure.percentiles import nearest_rank, rank_interval, samples_needed
from perflab.measure.warmup import warmup_length

MEAN_95 = 2.0
"""Standard errors of a mean to either side: a little more than 1.96, for long tails; chosen by simulation, as is the next."""
MIN_FOR_MEAN = 1_500
"""Calls below which the mean has no interval: slow calls, 1 in 100 or 200, are too few in them, or none, and decide the mean.
From here on, by simulation, `_mean` covers it in 93 to 98 of 100 runs of these, and of lognormal calls with σ up to 1.5.
"""
MIN_BATCHES = 30
SURE = 2.2
"""Standard deviations of a queue's number to either side, chosen by simulation: see `perflab.theory.resample`."""
DEPENDENT = "no interval: samples of one queue depend on one another"
MEAN = "mean"

Spread = Mapping[float | str, float]
"""Standard deviations of the logarithms of a queue's percentiles, by their share, and of its mean, from run to run."""


@dataclass(frozen=True)
class Summary:
    """Statistics of the successful calls, in ns. `failures` are counted beside them, never mixed in.

    `warm_up`: so many first calls were slower and are left out. `step` is that of the clock, 0 where it does not
    show.
    """

    count: int
    failures: int
    mean: Estimate
    median: float
    stdev: float
    minimum: float
    maximum: float
    percentiles: dict[float, Estimate]
    warm_up: int = 0
    step: float = 0.0


def summarise(
    latencies_ns: ArrayLike,
    failures: int = 0,
    percentiles: Sequence[float] = (0.5, 0.95, 0.99),
    queued: bool = False,
    spread: Spread | None = None,
    batch: int = 1,
) -> Summary:
    """Summarise at least one latency. Percentiles by nearest rank, intervals from order statistics, without the warm-up.

    `queued`: the latencies are those of a queue, which are correlated. Neither their ranks nor their scatter say how sure their
    numbers are; the `spread` from run to run does, where it is known. A queue that fills is no warm-up, and stays in.
    `batch`: each latency is the mean of so many.
    """
    taken = np.asarray(latencies_ns, float)
    if not taken.size:
        raise ValueError("there are no latencies to summarise")
    if np.isnan(taken).any():
        raise ValueError(
            f"{np.isnan(taken).sum():,} of {taken.size:,} latencies are no numbers (NaN): leave them out and say so"
        )
    warm_up = 0 if queued else warmup_length(taken)
    ordered = np.sort(taken[warm_up:])
    step = clock_step(ordered)
    estimates = {share: _percentile(ordered, share, step) for share in percentiles}
    mean = _mean(ordered, batch)
    if queued:
        estimates = {share: _queued(each, (spread or {}).get(share)) for share, each in estimates.items()}
        mean = _queued(mean, (spread or {}).get(MEAN))
    return Summary(
        count=ordered.size,
        failures=failures,
        mean=mean,
        median=float(ordered[nearest_rank(ordered.size, 0.5) - 1]),
        stdev=float(ordered.std(ddof=1)) if ordered.size > 1 else 0.0,
        minimum=float(ordered[0]),
        maximum=float(ordered[-1]),
        percentiles=estimates,
        warm_up=warm_up,
        step=step,
    )


def percentile_name(share: float) -> str:
    """0.99 reads p99, 0.999 reads p99.9."""
    return f"p{100 * share:g}"


def _percentile(ordered: NDArray[np.float64], share: float, step: float) -> Estimate:
    name = percentile_name(share)
    value = float(ordered[nearest_rank(ordered.size, share) - 1])
    low, high = rank_interval(ordered.size, share)
    needed = samples_needed(max(share, 1 - share))
    if low is None or high is None:
        shortage = f"{name} needs {needed:,} samples, have {ordered.size:,}"
        known = math.nan if low is None else float(ordered[low - 1])
        return Estimate(value, known, name=name, shortage=shortage, stands=False)
    # A clock tells no more than its steps: an interval is no narrower than one of them.
    least, most = max(0.0, value - step / 2), value + step / 2
    return Estimate(value, min(least, float(ordered[low - 1])), max(most, float(ordered[high - 1])), name)


def _queued(estimate: Estimate, spread: float | None) -> Estimate:
    """The same number with the interval that it has in a queue, if that is known."""
    if not estimate.stands:
        return estimate
    if spread is None:
        return replace(estimate, low=math.nan, high=math.nan, shortage=DEPENDENT)
    factor = math.exp(SURE * spread)
    return replace(estimate, low=estimate.value / factor, high=estimate.value * factor, shortage="")


def _mean(ordered: NDArray[np.float64], batch: int) -> Estimate:
    """The mean with the interval of Student's t, transformed for the skewness that calls have (Hall 1992, "On the removal of
    skewness by transformation"): a long tail reaches further up than down.
    """
    mean, size = float(ordered.mean()), ordered.size
    needed = max(MIN_BATCHES, math.ceil(MIN_FOR_MEAN / batch))
    if size < needed:
        return Estimate(mean, name=MEAN, shortage=f"its interval needs {needed:,} samples, have {size:,}")
    error = float(ordered.std(ddof=1)) / math.sqrt(size)
    if error == 0:
        return Estimate(mean, mean, mean, MEAN)
    t = MEAN_95 + (MEAN_95**3 + MEAN_95) / (4 * (size - 1))
    skewed = float(((ordered - mean) ** 3).mean()) / (error * math.sqrt(size)) ** 3 / math.sqrt(size)
    low, high = (mean - error * _unskewed(end, skewed) for end in (t, -t))
    return Estimate(mean, low, high, MEAN)


def _unskewed(t: float, skewed: float) -> float:
    """The inverse of Hall's transformation x + a/3 · x² + a²/27 · x³ + a/6 of a studentised mean."""
    if abs(skewed) < 1e-6:
        return t
    return 3 * (math.cbrt(1 + skewed * (t - skewed / 6)) - 1) / skewed
