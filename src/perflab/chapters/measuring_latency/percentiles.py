"""Which number tells the truth about many latencies? Real look-ups of which a chosen share takes a slow path."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from perflab.lab import Axis, Chart, Lab, Prediction, Record, duration_ticks, log_slider, one_run, values_slider
from perflab.lab.charts import SHARES, intervals, latencies_of, nines, percentile_axis, percentile_curve
from perflab.lab.marks import Line
from perflab.lab.palette import MEASURED_LINE, MODEL_LINE, PINNED_LINE
from perflab.measure import Estimate, Frame, percentile, summarise, time_calls
from perflab.measure.percentiles import rank_interval
from perflab.systems.databases.slow_path import Pace, mixed_rows, readings
from perflab.theory.mixture import Kind, mean, quantile

LOW_NS, HIGH_NS = 2e3, 5e7
SLICE_NS = 150e6
WINDOW = 100
MEAN_OF_P99S = "mean of p99s"
NAMES = ("mean", "p50", "p95", "p99", MEAN_OF_P99S)


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

    kinds: list[Kind]
    samples: int


def predict(slow: float, factor: int, samples: int, constants: Mapping[str, Any]) -> Mixture:
    pace = Pace(**constants)
    fast_kind = Kind(1 - slow / 100, pace.fast_ns, pace.fast_sigma)
    return Mixture([fast_kind, Kind(slow / 100, pace.fast_ns * factor, pace.slow_sigma)], samples)


def expected_intervals(model: Mixture) -> dict[str, Estimate]:
    """Where 95% of runs of so many samples fall: order statistics for percentiles, the normal limit for the mean."""
    middle = mean(model.kinds)
    square = sum(kind.share * kind.mean**2 * np.exp(kind.sigma**2) for kind in model.kinds)
    half = 1.96 * np.sqrt(max(0.0, square - middle**2) / model.samples)
    found = {"mean": Estimate(middle, max(1.0, middle - half), middle + half)}
    for name, share in {"p50": 0.5, "p95": 0.95, "p99": 0.99}.items():
        low, high = rank_interval(model.samples, share)
        ends = [0.0001 if low is None else low / model.samples, 0.9999 if high is None else high / model.samples]
        found[name] = Estimate(*quantile([share, *ends], model.kinds))
    return found


def measured_intervals(record: Record) -> dict[str, Estimate]:
    """The run's numbers, and the mean of the p99s of windows of a hundred calls."""
    latencies = latencies_of(record)
    summary = summarise(latencies)
    found = {estimate.name: estimate for estimate in (summary.mean, *summary.percentiles.values())}
    windows = latencies[: latencies.size // WINDOW * WINDOW].reshape(-1, WINDOW)
    if len(windows) >= 2:
        found[MEAN_OF_P99S] = Estimate(float(np.mean([percentile(window, 0.99) for window in windows])))
    return found


STEPS: dict[str, Any] = {"drawstyle": "steps-post"}

CHARTS = (
    Chart(
        "All calls, sorted by latency",
        percentile_axis("calls"),
        Axis("latency (log)", LOW_NS, HIGH_NS, log=True, ticks=duration_ticks),
        Line("pinned run", pinned=lambda run: percentile_curve(latencies_of(run)), **STEPS, **PINNED_LINE),
        Line("model", model=lambda model: (nines(SHARES), quantile(SHARES, model.kinds)), **MODEL_LINE),
        Line("measured (nearest rank)", run=lambda run: percentile_curve(latencies_of(run)), **STEPS, **MEASURED_LINE),
    ),
    intervals(NAMES, LOW_NS, HIGH_NS, measured_intervals, expected_intervals, "Five numbers for the same calls"),
)


def farthest_from_median(record: Record) -> str | None:
    """Which number is farthest above the median of at least 400 calls, as one of the choices."""
    if record.calls < 400:
        return None
    numbers = measured_intervals(record)
    return f"the {max(('mean', 'p95', 'p99'), key=lambda name: numbers[name].value)}"


PREDICTION = Prediction(
    question="Two of a hundred look-ups take 50 times as long as the others. Which number rises most above the median?",
    choices={
        "the mean": "The mean spreads the time of the slow calls over all calls: no call takes as long as the mean.",
        "the p95": "95 of 100 calls are not slow here, so the p95 has not met a slow call yet.",
        "the p99": "The p99 is a slow call, because more than one in a hundred is slow.",
        "none of them": "2% sounds like nothing, but 87% of pages that make 100 look-ups contain a slow one.",
    },
    settle=one_run(farthest_from_median, slow=2, factor=50),
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
            "factor": log_slider(2, 200, 50, unit="times", label="slowdown"),
            "samples": log_slider(50, 20_000, 2_000, unit="calls"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
    )
