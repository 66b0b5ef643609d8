"""Which number tells the truth about many latencies? Real look-ups of which a chosen share takes a slow path."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Lab, Prediction, Record, log_slider, values_slider
from perflab.lab.panels import Intervals, Percentiles
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile, rank_interval
from perflab.measure.summary import summarise
from perflab.measure.timing import time_calls
from perflab.systems.databases.slow_path import Pace, mixed_rows, readings
from perflab.theory.mixture import Kind, mean, quantile

LOW_NS, HIGH_NS = 2e3, 5e7
SLICE_NS = 150e6
WINDOW = 100
SHARES = (0.5, 0.95, 0.99)
NAMES = ("mean", "p50", "p95", "p99", "mean of p99s")


def experiment(slow: float, factor: int, samples: int, seed: int) -> Iterator[Frame]:
    generator = random.Random(seed)
    with readings() as table:
        pace = table.pace()
        mean_ns = pace.fast_ns * (1 + slow / 100 * (factor - 1))
        slice_calls = max(WINDOW, round(SLICE_NS / mean_ns))
        for done in range(0, samples, slice_calls):
            rows = mixed_rows(min(slice_calls, samples - done), slow / 100, pace.rows_for(factor), generator)
            yield time_calls(table.look_up, rows).frame()


def calibrate() -> Iterator[Frame]:
    """How long both paths take on this machine."""
    with readings() as table:
        yield Frame(facts=asdict(table.pace()))


@dataclass(frozen=True)
class Mixture:
    """Both kinds of calls, and how many samples a run takes."""

    kinds: tuple[Kind, Kind]
    samples: int


def predict(slow: float, factor: int, samples: int, constants: Mapping[str, Any]) -> Mixture:
    pace = Pace(**constants)
    fast_kind = Kind(1 - slow / 100, pace.fast_ns, pace.fast_sigma)
    return Mixture((fast_kind, Kind(slow / 100, pace.fast_ns * factor, pace.slow_sigma)), samples)


def expected_curve(model: Mixture) -> NDArray[np.float64]:
    return quantile(Percentiles.SHARES, list(model.kinds))


def expected_intervals(model: Mixture) -> dict[str, Estimate]:
    """Where 95% of runs of so many samples fall: order statistics for percentiles, the normal limit for the mean."""
    kinds = list(model.kinds)
    found = {"mean": _interval_of_mean(model)}
    for share in SHARES:
        low, high = rank_interval(model.samples, share)
        ends = [0.0001 if low is None else low / model.samples, 0.9999 if high is None else high / model.samples]
        found[f"p{100 * share:g}"] = Estimate(*quantile([share, *ends], kinds))
    return found


def _interval_of_mean(model: Mixture) -> Estimate:
    kinds = list(model.kinds)
    middle = mean(kinds)
    square = sum(kind.share * kind.mean**2 * np.exp(kind.sigma**2) for kind in kinds)
    half = 1.96 * np.sqrt(max(0.0, square - middle**2) / model.samples)
    return Estimate(middle, max(1.0, middle - half), middle + half)


def measured_intervals(record: Record) -> dict[str, Estimate]:
    """The run's numbers, and what comes of averaging the p99 of windows of a hundred calls."""
    latencies = record.column("latency_ns")
    summary = summarise(latencies)
    found = {estimate.name: estimate for estimate in (summary.mean, *summary.percentiles.values())}
    windows = latencies[: latencies.size // WINDOW * WINDOW].reshape(-1, WINDOW)
    if len(windows) >= 2:
        found[NAMES[-1]] = Estimate(float(np.mean([percentile(window, 0.99) for window in windows])))
    return found


def what_moved_most(records: Sequence[Record]) -> str | None:
    """Which number is farthest from the median, in runs with 2% of calls 50 times as slow."""
    for record in reversed(records):
        if (record.parameters["slow"], record.parameters["factor"]) == (2, 50) and record.calls >= 400:
            numbers = measured_intervals(record)
            farthest = max(("mean", "p95", "p99"), key=lambda name: numbers[name].value)
            return f"the {farthest}"
    return None


PREDICTION = Prediction(
    question="Two of a hundred look-ups take 50 times as long as the others. Which number rises most above the median?",
    choices={
        "the mean": "The mean spreads the slow calls over all calls: it describes no call that anybody has made.",
        "the p95": "95 of 100 calls are not slow here, so the p95 has not met a slow call yet.",
        "the p99": "The p99 is a slow call, because more than one in a hundred is slow.",
        "none of them": "Two in a hundred sound like nothing, but a page of 100 look-ups meets them 87% of the time.",
    },
    settle=what_moved_most,
    hint="Measure with 2% slow calls that are 50 times as slow.",
)


def lab() -> Lab:
    return Lab(
        question="Which number tells the truth about many latencies?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "slow": values_slider((0, 0.1, 0.5, 1, 2, 5, 10, 20, 50), 2, unit="% of calls", label="slow calls"),
            "factor": log_slider(2, 200, 50, unit="times", label="slower by"),
            "samples": log_slider(50, 20_000, 2_000, unit="calls"),
        },
        charts=(
            Percentiles(LOW_NS, HIGH_NS, expected_curve, title="All calls, sorted by latency"),
            Intervals(
                NAMES, LOW_NS, HIGH_NS, measured_intervals, expected_intervals, "Five numbers for the same calls"
            ),
        ),
        prediction=PREDICTION,
    )
