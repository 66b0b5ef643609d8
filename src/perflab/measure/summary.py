"""The summary of a run: every number with its interval, or with what it needs to have one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.measure.blocks import MIN_FOR_INTERVAL, STUDENT_95, independent, mean_error, percentile_error
from perflab.measure.estimate import Estimate
from perflab.measure.percentiles import nearest_rank, rank_interval, samples_needed

NORMAL_95 = 1.959964
MIN_FOR_MEAN = 30


@dataclass(frozen=True)
class Summary:
    """Statistics of the successful calls, in ns. `failures` are counted beside them, never mixed in."""

    count: int
    failures: int
    mean: Estimate
    median: float
    stdev: float
    minimum: float
    maximum: float
    percentiles: dict[float, Estimate]


def summarise(
    latencies_ns: ArrayLike, failures: int = 0, percentiles: Sequence[float] = (0.5, 0.95, 0.99), queued: bool = False
) -> Summary:
    """Summarise at least one latency. Percentiles by nearest rank, intervals from order statistics.

    `queued`: the latencies are those of a queue, in the order they were taken. They are correlated, so the intervals come from
    the spread between blocks of the run, if it is worth enough independent samples (`perflab.measure.blocks`).
    """
    taken = np.asarray(latencies_ns, float)
    ordered = np.sort(taken)
    if not ordered.size:
        raise ValueError("there are no latencies to summarise")
    worth = independent(taken) if queued else None
    estimates = {share: _percentile(ordered, share) for share in percentiles}
    if worth is not None:
        estimates = {share: _queued(each, taken, share, worth) for share, each in estimates.items()}
    return Summary(
        count=ordered.size,
        failures=failures,
        mean=_mean(taken, worth),
        median=float(ordered[nearest_rank(ordered.size, 0.5) - 1]),
        stdev=float(ordered.std(ddof=1)) if ordered.size > 1 else 0.0,
        minimum=float(ordered[0]),
        maximum=float(ordered[-1]),
        percentiles=estimates,
    )


def percentile_name(share: float) -> str:
    """0.99 reads p99, 0.999 reads p99.9."""
    return f"p{100 * share:g}"


def _percentile(ordered: NDArray[np.float64], share: float) -> Estimate:
    name = percentile_name(share)
    value = float(ordered[nearest_rank(ordered.size, share) - 1])
    low, high = rank_interval(ordered.size, share)
    needed = samples_needed(max(share, 1 - share))
    if low is None or high is None:
        shortage = f"{name} needs {needed:,} samples, have {ordered.size:,}"
        known = math.nan if low is None else float(ordered[low - 1])
        return Estimate(value, known, name=name, shortage=shortage, stands=False)
    return Estimate(value, float(ordered[low - 1]), float(ordered[high - 1]), name)


def _queued(estimate: Estimate, taken: NDArray[np.float64], share: float, worth: float) -> Estimate:
    """The same number with the interval of correlated samples, if there are enough for one."""
    if not estimate.stands:
        return estimate
    needed = max(MIN_FOR_INTERVAL, samples_needed(max(share, 1 - share)))
    if worth < needed:
        return replace(estimate, low=math.nan, high=math.nan, shortage=_too_few_independent(needed, worth))
    factor = float(np.exp(STUDENT_95 * percentile_error(taken, share)))
    return replace(estimate, low=estimate.value / factor, high=estimate.value * factor)


def _mean(taken: NDArray[np.float64], worth: float | None) -> Estimate:
    # The normal interval of the mean: good for many samples, too narrow for few of a long tail, hence not below 30.
    mean = float(taken.mean())
    if taken.size < MIN_FOR_MEAN:
        return Estimate(mean, name="mean", shortage=f"its interval needs {MIN_FOR_MEAN} samples, have {taken.size}")
    if worth is None:
        half = NORMAL_95 * float(taken.std(ddof=1)) / np.sqrt(taken.size)
    elif worth < MIN_FOR_INTERVAL:
        return Estimate(mean, name="mean", shortage=_too_few_independent(MIN_FOR_INTERVAL, worth))
    else:
        half = STUDENT_95 * mean_error(taken)
    return Estimate(mean, mean - half, mean + half, "mean")


def _too_few_independent(needed: int, worth: float) -> str:
    return f"its interval needs {needed:,} independent samples, have about {worth:,.0f}"
