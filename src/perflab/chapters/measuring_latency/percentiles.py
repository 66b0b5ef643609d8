"""Which number tells the truth about many latencies? Real look-ups of which a chosen share takes a slow path."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from perflab.chapters.measuring_latency.percentiles_model import (
    MEAN_OF_P99S,
    SPREAD,
    WINDOW,
    counted,
    finding,
    measured_intervals,
    scenario,
    within_one_deviation,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, duration_ticks, log_slider, values_slider
from perflab.lab.charts import SHARES, intervals, latencies_of, nines, percentile_axis, percentile_curve
from perflab.lab.marks import Line
from perflab.lab.palette import MEASURED_LINE, MODEL_LINE, PINNED_LINE
from perflab.lab.verdict import Row, latency_table
from perflab.measure import Estimate, Frame, duration, number, percent, time_calls
from perflab.measure.percentiles import rank_interval
from perflab.systems.databases.slow_path import Pace, mixed_rows, readings
from perflab.theory.mixture import Kind, mean, quantile

LOW_NS, HIGH_NS = 2e3, 5e7
SLICE_NS = 150e6
NAMES = ("mean", SPREAD, "p50", "p95", "p99", MEAN_OF_P99S)


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
    deviation = np.sqrt(max(0.0, square - middle**2))
    half = 1.96 * deviation / np.sqrt(model.samples)
    found = {"mean": Estimate(middle, max(1.0, middle - half), middle + half)}
    found[SPREAD] = Estimate(middle + 2 * deviation)
    for name, share in {"p50": 0.5, "p95": 0.95, "p99": 0.99}.items():
        low, high = rank_interval(model.samples, share)
        ends = [0.0001 if low is None else low / model.samples, 0.9999 if high is None else high / model.samples]
        found[name] = Estimate(*quantile([share, *ends], model.kinds))
    return found


STEPS: dict[str, Any] = {"drawstyle": "steps-post"}

CHARTS = (
    Chart(
        "All calls, sorted by latency",
        percentile_axis("calls"),
        Axis("latency", LOW_NS, HIGH_NS, log=True, ticks=duration_ticks),
        Line("pinned run", pinned=lambda run: percentile_curve(latencies_of(run)), **STEPS, **PINNED_LINE),
        Line("model", model=lambda model: (nines(SHARES), quantile(SHARES, model.kinds)), **MODEL_LINE),
        Line("measured (nearest rank)", run=lambda run: percentile_curve(latencies_of(run)), **STEPS, **MEASURED_LINE),
        empty="Each call will appear here.",
    ),
    intervals(
        NAMES,
        LOW_NS,
        HIGH_NS,
        measured_intervals,
        expected_intervals,
        "Six numbers for the same calls",
        empty="Six numbers will appear here.",
    ),
)


def table(record: Record, pinned: Record | None) -> list[Row]:
    """The statistics of both runs, and what their standard deviation says of single calls."""
    runs = [counted(run) for run in (record, pinned) if run is not None and counted(run).size > 1]
    return [
        *latency_table(record, pinned),
        ("standard deviation", *(duration(float(run.std(ddof=1))) for run in runs)),
        ("calls within one of the mean", *(percent(within_one_deviation(run)) for run in runs)),
    ]


def farthest_from_median(record: Record) -> Outcome | None:
    """How far the p99 is above the median, where its interval lies far above the p95's and the mean's."""
    if not latencies_of(record).size:
        return None
    numbers = measured_intervals(record)
    others, middle = [numbers["mean"], numbers["p95"]], numbers["p50"].value
    p99 = numbers["p99"]
    if not all(each.has_interval for each in (*others, p99)) or p99.low < 2 * max(each.high for each in others):
        return None
    times = {name: f"{number(numbers[name].value / middle)} times" for name in ("mean", "p95", "p99")}
    ends = f"{number(p99.low / middle)}–{number(p99.high / middle)}"
    told = f"the p99 is {times['p99']} the median ({ends}), the mean {times['mean']}, the p95 {times['p95']}"
    return Outcome("the p99", told)


PREDICTION = Prediction(
    question="Two of a hundred look-ups take 50 times as long as the others. Which number rises most above the median?",
    choices={
        "the mean": Answer(
            "The mean spreads the slow calls' time over all calls, so it cannot rise most: it is (98 · 1 + 2 · 50) / 100, "
            "about twice the median, and no call took that long."
        ),
        "the p95": Answer(
            "98 of 100 calls are quick here, so the p95 is a quick call: it cannot rise before 5% of the calls are slow."
        ),
        "the p99": Answer(
            "It rises only where more than one call in a hundred is slow.",
            "More than one call in a hundred is slow, therefore the p99 is one of the slow calls.",
        ),
        "none of them": Answer(
            "2% sounds like nothing, but it cannot hide from the p99; and 87% of pages that make 100 look-ups meet a slow one."
        ),
    },
    runs=({"slow": 2, "factor": 50, "samples": 5_000},),
    find=farthest_from_median,
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
        table=table,
        finding=finding,
        scenario=scenario,
    )
