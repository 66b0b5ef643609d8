"""How small a difference can this machine show? The same work measured against itself, in interleaved pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, log_slider
from perflab.lab.marks import Band, Line
from perflab.lab.palette import MEASURED, MODEL
from perflab.lab.verdict import verdict_of
from perflab.measure import Frame, count, duration, gc_paused, paired_ratio, percent, percentile, time_calls
from perflab.measure.clock import clock_step

WORK = 1_000
PAIRS_PER_SLICE = 3
RUN_S = 3.0
MIN_PAIRS = 8


def experiment(calls: int) -> Iterator[Frame]:
    def operation() -> int:
        return sum(range(WORK))

    def median_ns() -> float:
        return percentile(time_calls(operation, repeats=calls, gc_off=False).latencies_ns, 0.5)

    while True:
        with gc_paused():
            medians = [(median_ns(), median_ns()) for _ in range(PAIRS_PER_SLICE)]
        first, second = np.array(medians).T
        yield Frame({"first_ns": first, "second_ns": second}, {"calls": 2 * calls * PAIRS_PER_SLICE})


def predict(calls: int) -> float:
    """The share by which two medians of so many calls differ at random, for calls that scatter by 10%.

    The median of n values scatters by 1.25 σ / √n (normal limit), a difference of two by √2 more; 95% lie within 1.96 of it.
    """
    return float(1.96 * np.sqrt(2) * 1.253 * 0.1 / np.sqrt(calls))


def ratios(record: Record) -> tuple[NDArray[Any], NDArray[Any]]:
    """The number of each pair, and how many times its second median the first one is, within the chart."""
    found = record.column("first_ns") / record.column("second_ns")
    return np.arange(found.size), np.clip(found, LOW, HIGH)


LOW, HIGH = 0.7, 1.3

CHART = Chart(
    "The same work, measured twice",
    Axis("pair", 0, 400),
    Axis("first ÷ second", LOW, HIGH),
    Band(
        "y",
        "model: 95% of pairs, if nothing disturbs",
        model=lambda share: (1 - share, 1 + share),
        color=MODEL,
        alpha=0.25,
    ),
    Line("measured pair", run=ratios, color=MEASURED, marker="o", linestyle="none", markersize=5),
    columns=2,
    empty="Each pair will appear here.",
)


def resolution(record: Record) -> float | None:
    """The share by which two settings must differ to be told apart: half of the ratio's 95% interval, and a step of the clock.

    On a quiet machine most medians are alike, to a step: what differs by less might leave them all as they are.
    """
    first, second = record.column("first_ns"), record.column("second_ns")
    if first.size < MIN_PAIRS:
        return None
    known_ns = 0.0 if record.noise is None else record.noise.resolution_ns
    step_ns = max(known_ns, clock_step(first), clock_step(second))
    found = paired_ratio(first, second, step_ns)
    return max((found.high - found.low) / 2, step_ns / float(np.median(second)))


def say(record: Record) -> str:
    """What can be told apart."""
    share = resolution(record)
    if share is None:
        return f"Needs {MIN_PAIRS} pairs, has {record.column('first_ns').size}."
    return f"In {duration(record.measured_s * 1e9)}, this machine can tell apart differences of {percent(share)}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    calls = count(chosen["calls"])
    return f"For {RUN_S:g} s, the same work is timed twice in turns: a pair is two medians of {calls} calls each."


def finding(record: Record, pinned: Record | None) -> str | None:
    """Which differences show; beside another run, how that depends on the calls of a median."""
    if not (shows := shown(record)):
        return None
    if pinned is not None and only_change(record, pinned) and shown(pinned):
        few, many = sorted((pinned, record), key=lambda run: int(run.parameters["calls"]))
        calls = [count(run.parameters["calls"]) for run in (few, many)]
        return f"Medians of {calls[0]} calls tell apart differences of {shown(few)}, medians of {calls[1]} calls {shown(many)}."
    pairs = count(record.column("first_ns").size)
    return f"From {pairs} pairs, this machine can tell apart settings that differ by {shows}."


def shown(record: Record) -> str:
    """The smallest difference that shows, or "" where it is not known or less than the clock tells."""
    share = resolution(record)
    return percent(share) if share is not None and 0 < share < np.inf else ""


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Pairs, calls, and the smallest difference that shows."""
    share = resolution(record)
    rows: list[tuple[str, ...]] = [("pairs", count(record.column("first_ns").size)), ("calls", count(record.calls))]
    return rows + ([] if share is None else [("smallest difference that shows", percent(share))])


FINE, USUAL, COARSE = "less than 1%", "1% to 5%", "more than 5%"


def how_fine(record: Record) -> Outcome | None:
    """The choice in which the smallest difference that shows lies."""
    share = resolution(record)
    if share is None or not np.isfinite(share):
        return None
    pairs = count(record.column("first_ns").size)
    return Outcome(
        FINE if share < 0.01 else USUAL if share <= 0.05 else COARSE, f"{percent(share)}, from {pairs} pairs"
    )


PREDICTION = Prediction(
    question="The same work is timed in pairs for three seconds. How small a difference between two settings would still show?",
    choices={
        FINE: Answer(
            "The same code does not always take the same time: other programs run, and the CPU changes its speed.",
            "What disturbs both members of a pair cancels, and a median ignores rare interruptions.",
        ),
        USUAL: Answer(
            "Most machines are in this range; how busy they are decides.",
            "Each median scatters a little, and something else ran now and then. Pairs in turns cancel most of that.",
        ),
        COARSE: Answer(
            "A single pair may be that far off. Many pairs together say more than one.",
            "This machine was busy, or its speed changed. Close what you do not need, and measure again.",
        ),
    },
    runs=({"calls": 100},),
    find=how_fine,
)


def lab() -> Lab:
    return Lab(
        question="How small a difference can this machine show?",
        experiment=experiment,
        predict=predict,
        controls={
            "calls": log_slider(10, 1_000, 100, unit="per median"),
        },
        charts=(CHART,),
        prediction=PREDICTION,
        verdict=verdict_of(say, needs="first_ns"),
        table=table,
        budget_s=RUN_S,
        finding=finding,
        scenario=scenario,
    )
