"""Which p99 does your tool report? The same calls, 1 ms or 100 ms each, and five methods to find their p99."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.chapters.changes import only_change
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, duration_ticks, values_slider
from perflab.lab.charts import latencies_of
from perflab.lab.marks import Line
from perflab.lab.palette import ALARM, MEASURED, MEASURED_POINTS, MODEL, PINNED_POINTS
from perflab.lab.rows import named_rows
from perflab.lab.verdict import table_of, verdict_of
from perflab.measure import Frame, count, duration, merge, time_calls

QUICK_S, SLOW_S = 0.001, 0.1
LOW_NS, HIGH_NS = 5e5, 2e8
SLICE, SHOWN = 50, 10
SHARE = 0.99
METHODS: dict[str, Any] = {
    "nearest rank (type 1)": "inverted_cdf",
    "linear (type 7: NumPy, Excel)": "linear",
    "Hazen (type 5)": "hazen",
    "median unbiased (type 8)": "median_unbiased",
    "Weibull (type 6: statistics)": "weibull",
}
"""What NumPy calls the methods (Hyndman and Fan 1996), and tools that use them unless told otherwise."""


def experiment(samples: int, slow: int, seed: int) -> Iterator[Frame]:
    waits = [SLOW_S] * slow + [QUICK_S] * (samples - slow)
    random.Random(seed).shuffle(waits)
    for first in range(0, samples, SLICE):
        asked = waits[first : first + SLICE]
        yield merge([time_calls(time.sleep, asked).frame(), Frame(counts={"slow": asked.count(SLOW_S)})])


def p99s(latencies_ns: ArrayLike) -> dict[str, float]:
    """The p99 (ns) of the same calls by each method."""
    values = np.asarray(latencies_ns)
    return {name: float(np.quantile(values, SHARE, method=method)) for name, method in METHODS.items()}


def predict(samples: int, slow: int) -> dict[str, float]:
    """What the methods make of waits that take exactly as long as was asked for."""
    return p99s(np.repeat([QUICK_S * 1e9, SLOW_S * 1e9], [samples - slow, slow]))


def measured(record: Record) -> dict[str, float]:
    return p99s(latencies_of(record)) if latencies_of(record).size else {}


def in_rows(found: dict[str, float]) -> tuple[list[float], list[int]]:
    """Data of a `Line`: each p99 in the row of its method."""
    return list(found.values()), list(range(len(found)))


def slowest(record: Record) -> tuple[NDArray[Any], NDArray[Any]]:
    """Numbers, counted from the slowest, and latencies (ns) of the slowest calls."""
    found = np.sort(latencies_of(record))[-SHOWN:]
    return np.arange(found.size, 0, -1), found


def stops(record: Record) -> tuple[list[float], list[float]]:
    """How far each method goes, counted as in `slowest`, and the p99 (ns) that it finds there."""
    calls = latencies_of(record).size
    ranks = p99s(np.arange(1, calls + 1)) if calls else {}
    return [calls + 1 - rank for rank in ranks.values()], list(measured(record).values())


EXACT: dict[str, Any] = {"color": MODEL, "marker": "|", "markersize": 24, "markeredgewidth": 4, "linestyle": "none"}

CHARTS = (
    Chart(
        "Five p99s of the same calls",
        Axis("p99", LOW_NS, HIGH_NS, log=True, ticks=duration_ticks),
        named_rows(tuple(METHODS)),
        Line("model: exact waits", model=in_rows, **EXACT),
        Line("pinned run", pinned=lambda run: in_rows(measured(run)), **PINNED_POINTS),
        Line("measured", run=lambda run: in_rows(measured(run)), **MEASURED_POINTS),
        empty="Five p99s will appear here.",
    ),
    Chart(
        "The slowest calls, and where each method stops",
        Axis("calls, counted from the slowest", SHOWN + 0.5, 0.5),
        Axis("latency", 0, 1.2 * SLOW_S * 1e9, ticks=duration_ticks),
        Line("call", run=slowest, color=MEASURED, marker="o", markersize=7),
        Line(
            "p99 of each method", run=stops, color=ALARM, marker="x", markersize=11, markeredgewidth=3, linestyle="none"
        ),
        empty="The slowest calls will appear here.",
    ),
)


def say(record: Record) -> str:
    return f"The p99 of these {count(latencies_of(record).size)} calls: {spread(record)}."


def spread(record: Record) -> str:
    """All p99s, from the least to the greatest."""
    return ", ".join(duration(value) for value in sorted(measured(record).values()))


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    slow, quick = chosen["slow"], count(chosen["samples"] - chosen["slow"])
    waits = f"{quick} calls wait for {duration(QUICK_S * 1e9)} each"
    waits += f", {slow} for {duration(SLOW_S * 1e9)}" if slow else ""
    return f"{waits}, in random order. Five methods compute the p99 of all."


def finding(record: Record, pinned: Record | None) -> str | None:
    """From where to where the p99s reach; beside another run, both."""
    if not measured(record):
        return None
    if pinned is not None and only_change(record, pinned) and measured(pinned):
        return f"Five methods' p99s: {reach(record)} of {what(record)}; {reach(pinned)} of {what(pinned)}."
    calls = count(latencies_of(record).size)
    if " to " in reach(record):
        return f"Five methods report p99s from {reach(record)} for the same {calls} calls."
    return f"Five methods report the same p99 for these {calls} calls: {reach(record)}."


def reach(record: Record) -> str:
    """The least and the greatest p99; one duration where they read the same."""
    ends = [duration(end(measured(record).values())) for end in (min, max)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def what(record: Record) -> str:
    """How many calls there were, and how many of them waited long."""
    return f"{count(latencies_of(record).size)} calls, {count(record.count('slow'))} slow"


def how_far_apart(record: Record) -> Outcome | None:
    """From which to which duration the p99s of the calls in question reach."""
    found = list(measured(record).values())
    if latencies_of(record).size < record.parameters["samples"] or max(found) < FAR_APART * min(found):
        return None
    return Outcome("five numbers, far apart", spread(record))


FAR_APART = 3
"""Waits of 1 ms can take several times as long on a busy machine."""

PREDICTION = Prediction(
    question="99 calls take 1 ms and one takes 100 ms. Five tools compute the p99 of these 100 calls. What do they report?",
    choices={
        "1 ms, all of them": Answer(
            "By nearest rank it is 1 ms, the 99th of the sorted calls. All five cannot say so: most tools interpolate "
            "between the 99th and the 100th."
        ),
        "2 ms, all of them": Answer(
            "NumPy's default gives 1.99 ms, a hundredth of the way from 1 ms to 100 ms. Five tools cannot agree on it: their "
            "formulas go different parts of the way."
        ),
        "100 ms, all of them": Answer(
            "That is the maximum, and it cannot be the p99: 99 of 100 calls are at most 1 ms. To take it is off by one rank."
        ),
        "five numbers, far apart": Answer(
            "The methods differ only where the sorted calls jump.",
            "The p99 lies exactly where the calls jump from 1 ms to 100 ms, and each method goes another part of the way: "
            "none, 1%, 50%, 66% or 99%. With waits that take exactly as long as was asked for: 1.0, 1.99, 50.5, 66.7, 99.0 ms.",
        ),
    },
    runs=({"samples": 100, "slow": 1},),
    find=how_far_apart,
)


def lab() -> Lab:
    return Lab(
        question="Which p99 does your tool report?",
        experiment=experiment,
        predict=predict,
        controls={
            "samples": values_slider((100, 101, 120, 150, 200, 300, 500), 100, unit="calls"),
            "slow": values_slider((0, 1, 2, 5), 1, unit="calls", label="slow calls"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say),
        finding=finding,
        scenario=scenario,
        table=table_of(
            *((name, lambda record, name=name: duration(measured(record)[name])) for name in METHODS),
            ("slow calls", lambda record: f"{count(record.count('slow'))} of {count(latencies_of(record).size)}"),
            ("slowest call", lambda record: duration(float(latencies_of(record).max()))),
            heading="p99, this run",
        ),
    )
