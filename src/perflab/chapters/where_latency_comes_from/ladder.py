"""How far apart are the steps of a computer? From one read of memory to a new process, each really climbed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.where_latency_comes_from import ladder_model
from perflab.chapters.where_latency_comes_from.ladder_model import (
    LADDER,
    LARGEST,
    QUOTES,
    ROWS,
    SHORT,
    SMALLEST,
    YOURS_NS,
    ends_said,
    measured,
    off_the_quote,
    predict,
    roughly,
)
from perflab.lab import Axis, Chart, Lab, Record, choice, log_slider, nearest, versus
from perflab.lab.axes import byte_ticks, human_ticks
from perflab.lab.guesses import Guesses
from perflab.lab.marks import Line, Rule
from perflab.lab.palette import INK, MEASURED, MEASURED_POINTS, PINNED_POINTS, SECOND
from perflab.lab.prediction import Answer, Outcome, Prediction
from perflab.lab.rows import intervals_in, named_rows, values_in
from perflab.lab.verdict import percentile_of, verdict_of
from perflab.measure import Estimate, Frame, call_slices, count, percentile, summarise, time_calls
from perflab.measure.caches import private_cache_bytes
from perflab.measure.units import DASH, duration, duration_range, seconds_as_people_say
from perflab.systems.machine.chase import chase
from perflab.systems.machine.storage import is_ssd
from perflab.systems.operations.rungs import FLOOR, FSYNC, PARTS, STEPS, YOURS, Rung, rungs_of
from perflab.theory.memory import outside_from

PROBED, SLICE_S = 32_000_000, 0.08
ENDS, FLOOR_NS = (SMALLEST / 1.6, LARGEST * 1.6), f"{FLOOR}_ns"


def experiment(part: str, working_set: int) -> Iterator[Frame]:
    rungs = rungs_of(part, working_set)
    with ExitStack() as stack:
        streams = {f"{name}_ns": values_ns(rung, stack) for name, rung in rungs.items()}
        # A single call and some more, so that every rung has its first number soon.
        first = {name: np.concatenate([next(stream), next(stream)]) for name, stream in streams.items()}
        caveats = {f"caveat of {name}": rung.caveat() or "" for name, rung in rungs.items()}
        yield Frame(first, {"calls": sum(values.size for values in first.values())}, {**caveats, "is SSD": is_ssd()})
        while True:
            for name, stream in streams.items():
                values = next(stream)
                yield Frame({name: values}, {"calls": values.size})


def values_ns(rung: Rung, stack: ExitStack) -> Iterator[NDArray[np.float64]]:
    """Slice after slice of times of one operation; `stack` closes what the rung opens."""
    slices = call_slices(stack.enter_context(rung.ready()), slice_s=SLICE_S)
    while True:
        with rung.during():
            latencies = next(slices)
        yield latencies.latencies_ns / rung.per_call


def calibrate() -> Iterator[Frame]:
    """The size of this machine's cache, and what a read inside of it and outside of it takes."""
    cache, _ = private_cache_bytes()
    with chase(SMALLEST, STEPS) as small, chase(PROBED, STEPS) as large:
        inside, mixed = (percentile(time_calls(go, repeats=60).latencies_ns, 0.5) / STEPS for go in (small, large))
    yield Frame(facts={"cache": cache, "inside_ns": inside, "outside_ns": outside_from(mixed, PROBED, cache, inside)})


def means(record: Record, wanted: bool) -> Any:
    """Where the values stand that are means, or those that are not."""
    return values_in(ROWS, {name: found for name, found in measured(record).items() if LADDER[name].is_mean == wanted})


def quoted(chosen: Mapping[str, Any]) -> Any:
    """A stroke for what is commonly quoted; a single number is widened until it can be seen."""
    quotes = {name: QUOTES[name] for name in PARTS[chosen["part"]] if name in QUOTES}
    return intervals_in(ROWS, {name: Estimate(low, low / 1.08, high * 1.08) for name, (low, high) in quotes.items()})


CHOICES = {"×100": 1e2, "×1,000": 1e3, "×10,000": 1e4, "×100,000": 1e5, "×1,000,000": 1e6}
CHARTS = (
    Chart(
        "",
        Axis("time of one operation; above: if 1 ns were 1 s", 0.3, 1e9, log=True, ticks=human_ticks),
        named_rows([SHORT.get(name, name) for name in ROWS]),
        Line("quoted", setting=quoted, color=SECOND, alpha=0.55, linewidth=9, solid_capstyle="butt"),
        Line(run=lambda run: intervals_in(ROWS, measured(run)), color=MEASURED, linewidth=2),
        Rule("x", "Python's cost", run=lambda run: measured(run)[FLOOR].value, color=INK, ls="--", lw=1.3),
        Line("pinned", pinned=lambda run: values_in(ROWS, measured(run)), **PINNED_POINTS),
        Line("measured", run=lambda run: means(run, False), **MEASURED_POINTS),
        Line("mean of several", run=lambda run: means(run, True), **MEASURED_POINTS | {"marker": "s", "markersize": 7}),
        Guesses(5, side="above", setting=lambda _: {said: (100 * x, ROWS.index(FSYNC)) for said, x in CHOICES.items()}),
        width=1.75,
        height=1.2,
        columns=5,
    ),
    versus("working_set", ENDS, (1, 1_000), lambda model: model, "working set", YOURS_NS, tail=False, ticks=byte_ticks),
)


def say(record: Record) -> str:
    medians = {name: found.value for name, found in measured(record).items()}
    low, high = min(medians.values()), max(medians.values())
    return (
        f"{ends_said(medians)} If 1 ns were 1 s: {seconds_as_people_say(low)} and {seconds_as_people_say(high)}."
        f"{off_the_quote(record, medians)}"
    )


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each rung: median, middle 90%, what is quoted and where, and what to know about the number."""
    rows: list[tuple[str, ...]] = [("rung", "median here", "middle 90%", "quoted", "what to know")]
    for name, found in measured(record).items():
        rung, caveat = LADDER[name], record.fact(f"caveat of {name}", "")
        quote = f"{rung.quote}: {rung.source}" if rung.quote else DASH
        mean = f"Each value is the mean of {count(rung.per_call)}. " if rung.is_mean else ""
        told = f"{mean}{caveat}".strip() or DASH
        rows.append((name, duration(found.value), duration_range(found.low, found.high), quote, told))
    return rows


def disk_in_reads(record: Record) -> Outcome | None:
    """How many reads of memory one durable write takes, by the medians of both."""
    columns = [record.column(f"{name}_ns") for name in (FSYNC, YOURS)]
    medians = [summarise(values, percentiles=(0.5,)).percentiles[0.5] for values in columns if values.size]
    if len(medians) < 2 or not all(each.has_interval for each in medians):
        return None
    write, read = medians
    times, low, high = write.value / read.value, write.low / read.high, write.high / read.low
    if nearest(CHOICES, low) != nearest(CHOICES, high):
        return None
    return Outcome(nearest(CHOICES, times), f"×{roughly(times)} ({roughly(low)}–{roughly(high)})")


PREDICTION = Prediction(
    question="One read of memory takes about 100 ns. How many times as long is an append of 4 kB that waits for the drive?",
    choices={
        "×100": Answer(
            "10 µs are some forty system calls: time enough to hand the data to the system, not for a drive to keep it.",
            "No drive is so quick: this file system lies in memory, or the drive is not asked (see the table).",
        ),
        "×1,000": Answer(
            "Only a drive that answers from a protected cache, or a host's memory, is so quick.",
            "The drive, or the host of a virtual one, answers from a cache of its own, in about 0.1 ms.",
        ),
        "×10,000": Answer(
            "A millisecond is what a solid-state drive takes that really writes.",
            "A solid-state drive that really writes takes about a millisecond.",
        ),
        "×100,000": Answer(
            "Ten milliseconds are a turn of a turning disk, which is rare today.",
            "About ten milliseconds: a disk that turns, or a drive that others keep busy.",
        ),
        "×1,000,000": Answer(
            "A tenth of a second is ten turns of a turning disk: only a drive with a queue before it takes that.",
            "A tenth of a second: something else keeps this drive busy, and the write waits in a queue.",
        ),
    },
    runs=({"part": "all", "working_set": 50_000_000},),
    find=disk_in_reads,
)


def lab() -> Lab:
    return Lab(
        question="How far apart are the steps of a computer?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "part": choice(("all", "memory", "system", "storage"), label="part of the ladder"),
            "working_set": log_slider(SMALLEST, LARGEST, 10_000_000, unit="bytes", label="working set"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=percentile_of(YOURS_NS, "A read of your working set"), needs=FLOOR_NS),
        table=table,
        finding=ladder_model.finding,
        scenario=ladder_model.scenario,
    )
