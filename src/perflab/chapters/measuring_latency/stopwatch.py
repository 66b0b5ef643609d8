"""How long does one operation take? The same operation timed again and again, on this machine."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.measuring_latency.stopwatch_model import finding, scenario, slowest_ns
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, log_slider, switch
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.charts import distribution, latencies_of
from perflab.lab.marks import Band, Line, Rule
from perflab.lab.palette import ALARM, CLOCK_LINE, MEASURED, MODEL_LINE, PINNED_LINE, SECOND
from perflab.lab.verdict import Row, latency_table
from perflab.measure import Frame, call_slices, count, duration, merge, number
from perflab.measure.clock import measure_clock
from perflab.measure.slices import SLICE_S
from perflab.measure.warmup import warmup_length
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.operations.computing import TREE_OBJECTS
from perflab.systems.operations.operations import OPERATIONS
from perflab.systems.operations.quotes import QUOTES, Quote


def experiment(operation: str, repeats: int, batch: int, collector: bool) -> Iterator[Frame]:
    caveat = {"caveat": durability_caveat() or ""} if "fsync" in operation else {}
    with OPERATIONS[operation]() as call:
        before = collections()
        slice_s = GARBAGE_SLICE_S if operation in GARBAGE else SLICE_S
        for latencies in call_slices(call, repeats, batch, slice_s=slice_s, gc_off=not collector):
            frame = Frame(counts={"collections": collections() - before if collector else 0}, facts=caveat)
            yield merge([latencies.frame(), frame])
            before = collections()


def collections() -> int:
    """How often Python's garbage collector has run in this process."""
    return sum(generation["collections"] for generation in gc.get_stats())


def calibrate() -> Iterator[Frame]:
    """What a reading of the clock costs here, and after how many new objects the garbage collector runs."""
    clock = measure_clock()
    facts = {
        "clock_ns": clock.reading_ns,
        "resolution_ns": clock.resolution_ns,
        "collected_after": gc.get_threshold()[0],
    }
    yield Frame(facts=facts)


@dataclass(frozen=True)
class Expected:
    """How many samples a run will hold, what the clock itself adds to each (ns), what is commonly quoted, and which sample is the
    first to meet the garbage collector, at the latest.
    """

    calls: int
    clock_ns: float
    quote: Quote | None
    collection: float | None


def predict(operation: str, repeats: int, batch: int, collector: bool, constants: Mapping[str, Any]) -> Expected:
    garbage = GARBAGE.get(operation, 0) if collector else 0
    collection = constants["collected_after"] / garbage / batch if garbage else None
    return Expected(repeats, constants["clock_ns"] / batch, QUOTES[operation], collection)


GARBAGE = {"tree of 11 objects": TREE_OBJECTS}
"""How many objects a call leaves that only the garbage collector can free."""
GARBAGE_SLICE_S = 0.05
"""Where it is off, they fill the memory until the slice ends."""


MAX_DOTS, SLOWEST = 4_000, 200


def warm_up(record: Record) -> tuple[NDArray[Any], NDArray[Any]]:
    """Numbers and latencies (ns) of the first calls, as long as they are slower than the later ones."""
    latencies = latencies_of(record)[: warmup_length(latencies_of(record))]
    return np.arange(1, latencies.size + 1), latencies


def settled(record: Record) -> tuple[NDArray[Any], NDArray[Any]]:
    """Those of the calls after the warm-up, thinned evenly on the logarithmic axis; the slowest are always kept."""
    latencies = latencies_of(record)
    warm = warmup_length(latencies)
    chosen = np.arange(warm, latencies.size)
    if chosen.size > MAX_DOTS:
        even = np.unique(np.geomspace(warm + 1, latencies.size, MAX_DOTS).astype(int)) - 1
        slowest = np.argpartition(latencies, -SLOWEST)[-SLOWEST:]
        chosen = np.union1d(even, slowest[slowest >= warm])
    return chosen + 1, latencies[chosen]


def median_ns(record: Record) -> float:
    return float(np.median(latencies_of(record))) if latencies_of(record).size else np.nan


def quoted(model: Expected) -> tuple[float, float] | None:
    return None if model.quote is None else (model.quote.low_ns, model.quote.high_ns)


CHARTS = (
    Chart(
        "Each call, in order",
        Axis("call number", 0.8, 150_000, log=True, ticks=count_ticks),
        Axis("time of the call", 20, 1e9, log=True, ticks=duration_ticks),
        Band("y", "commonly quoted", model=quoted, color=SECOND, alpha=0.3),
        Line("one call", run=settled, color=MEASURED, marker=".", markersize=3, linestyle="none"),
        Line("warm-up", run=warm_up, color=ALARM, marker="x", markersize=5, linestyle="none"),
        Rule("y", "pinned median", pinned=median_ns, **PINNED_LINE),
        Rule("y", "clock's own cost", model=lambda model: model.clock_ns, **CLOCK_LINE),
        Rule("x", "first garbage collection", model=lambda model: model.collection, color=ALARM, linestyle="--"),
        Rule("x", "planned end", model=lambda model: model.calls, **MODEL_LINE),
        empty="Each call will appear here.",
    ),
    distribution(20, 1e9),
)


def table(record: Record, pinned: Record | None) -> list[Row]:
    """The statistics of both runs, how often the garbage collector ran, and what is commonly quoted of the operation."""
    rows = latency_table(record, pinned)
    if not rows:
        return []
    runs = [run for run in (record, pinned) if run is not None and latencies_of(run).size]
    quotes = [QUOTES[run.parameters["operation"]] for run in runs]
    rows.append(("garbage collections", *(count(run.count("collections")) for run in runs)))
    rows.append(("commonly quoted", *("nothing" if quote is None else quote.text for quote in quotes)))
    return rows


CALLS = 10_000
CHOICES = {"less than ×2": 2.0, "×2 to ×10": 10.0, "×10 to ×100": 100.0, "more than ×100": np.inf}


def slowest_over_median(record: Record) -> Outcome | None:
    """How many times the median the slowest of at least `CALLS` calls took, those before the code was warm left out."""
    latencies = latencies_of(record)
    # A median of 0 is less than a step of the clock, so nothing can be said in terms of it.
    if latencies.size < CALLS or not (middle := median_ns(record)):
        return None
    slowest = slowest_ns(record)
    times = slowest / middle
    found = next(text for text, below in CHOICES.items() if times < below)
    told = f"{duration(slowest)} against a median of {duration(middle)}, {count(latencies.size)} look-ups"
    return Outcome(found, f"×{number(times)} ({told})")


PREDICTION = Prediction(
    question="You look up one key in a dict 10,000 times. How much slower is the slowest look-up than the median one?",
    choices={
        "less than ×2": Answer(
            "The same code takes the same time only where it has the machine to itself.",
            "Nothing interrupted these 10,000 look-ups: a short run on a quiet machine can be that even. Try 100,000.",
        ),
        "×2 to ×10": Answer(
            "Times spread evenly around the mean, like a bell curve, only where nothing interrupts them.",
            "No interruption was long; a look-up that waits for memory takes several times as long as one that does not.",
        ),
        "×10 to ×100": Answer(
            "How long the slowest call takes is decided by what interrupts it, not by the look-up.",
            "An interrupt takes microseconds, the look-up a tenth of one: a single interrupt makes a call that slow.",
        ),
        "more than ×100": Answer(
            "The system can take the CPU away for that long; it did not in this run.",
            "The system took the CPU away, or an interrupt took long: either dwarfs an operation as short as a look-up.",
        ),
    },
    runs=({"operation": "dict lookup", "repeats": CALLS, "batch": 1, "collector": False},),
    find=slowest_over_median,
)


def lab() -> Lab:
    return Lab(
        question="How long does one operation take?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "operation": choice(tuple(OPERATIONS), menu=True),
            "repeats": log_slider(100, 100_000, 10_000, unit="calls"),
            "batch": log_slider(1, 1_000, 1, unit="per reading", label="batch size"),
            "collector": switch(False, label="garbage collector"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        table=table,
        finding=finding,
        scenario=scenario,
    )
