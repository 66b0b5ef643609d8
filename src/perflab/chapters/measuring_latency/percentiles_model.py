"""The numbers of a run of the percentiles lab, and what is said of them: how far each lies from the median."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.chapters.findings import median_told
from perflab.lab import Record
from perflab.lab.charts import latencies_of
from perflab.measure import Estimate, count, number, percentile, summarise
from perflab.measure.units import duration_range
from perflab.measure.warmup import warmup_length

WINDOW = 100
MEAN_OF_P99S = "mean of p99s"
SPREAD = "mean + 2 std. dev."
ABOVE = ("p99", "p95", "mean")
"""What the prediction compares with the median."""


def measured_intervals(record: Record) -> dict[str, Estimate]:
    """The run's numbers, and the mean of the p99s of windows of a hundred calls."""
    latencies = counted(record)
    summary = summarise(latencies_of(record))
    found = {estimate.name: estimate for estimate in (summary.mean, *summary.percentiles.values())}
    found[SPREAD] = Estimate(summary.mean.value + 2 * summary.stdev)
    windows = latencies[: latencies.size // WINDOW * WINDOW].reshape(-1, WINDOW)
    if len(windows) >= 2:
        found[MEAN_OF_P99S] = Estimate(float(np.mean([percentile(window, 0.99) for window in windows])))
    return found


def counted(record: Record) -> NDArray[Any]:
    """The latencies (ns) that the statistics are of: all but the warm-up."""
    return latencies_of(record)[warmup_length(latencies_of(record)) :]


def within_one_deviation(latencies: NDArray[Any]) -> float:
    """The share of calls no farther from the mean than one standard deviation; 68% of a bell curve."""
    return float(np.mean(np.abs(latencies - latencies.mean()) <= latencies.std(ddof=1)))


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    slow, calls = chosen["slow"], count(chosen["samples"])
    if not slow:
        return f"{calls} look-ups in a SQLite file, none of them slow."
    return f"{calls} look-ups in a SQLite file; {slow:g}% of them, at random, take {chosen['factor']} times as long."


def finding(record: Record, pinned: Record | None) -> str | None:
    """How many times the median each number is; beside another run, what one change made of that, or of the p99's interval."""
    now = times_median(record)
    if not now:
        return None
    changed = only_change(record, pinned)
    if pinned is not None and changed and (then := times_median(pinned)):
        return of_lengths(record, pinned) if changed == "samples" else of_mixtures(record, now, pinned, then, changed)
    (first, times), *others = sorted(now.items(), key=lambda each: -each[1])
    told = [f"the {first} is {number(times)} times the median"]
    told += [f"the {name} {number(times)} times" for name, times in others]
    said = ", ".join(told)
    return f"{said[0].upper()}{said[1:]}."


def times_median(record: Record) -> dict[str, float]:
    """How many times the median the other numbers are, of which there are enough calls; empty where the clock tells no median."""
    if np.isnan(median_told(record)):
        return {}
    numbers = measured_intervals(record)
    return {name: numbers[name].value / numbers["p50"].value for name in ABOVE if numbers[name].stands}


WITH = {"slow": ("{:g}% slow calls", "{:g}%"), "factor": ("slow calls {} times as long", "{} times")}


def of_mixtures(
    record: Record, now: Mapping[str, float], pinned: Record, then: Mapping[str, float], changed: str
) -> str:
    """The p99 and the mean with these slow calls, and with those of the pinned run."""
    names = [name for name in ("p99", "mean") if name in now and name in then]
    here, there = (" and ".join(number(times[name]) for name in names) for times in (now, then))
    this, other = (WITH[changed][at].format(run.parameters[changed]) for at, run in enumerate((record, pinned)))
    subject = f"{' and '.join(f'the {name}' for name in names)} {'are' if len(names) > 1 else 'is'}"
    return f"With {this}, {subject} {here} times the median; with {other}, {there}."


def of_lengths(record: Record, pinned: Record) -> str:
    """Within what the p99 lies, by the calls of each run."""
    told = []
    for run in sorted((pinned, record), key=lambda run: int(latencies_of(run).size)):
        p99, calls = measured_intervals(run)["p99"], count(counted(run).size)
        within = duration_range(p99.low, p99.high) if p99.has_interval else "no upper end"
        told.append(f"{within} from {calls} calls")
    return f"95% interval of the p99: {told[0]}, {told[1]}."
