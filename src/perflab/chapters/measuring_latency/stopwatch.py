"""How long does one operation take? The same operation timed again and again, on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Axis, Chart, Lab, Prediction, Record, choice, log_slider, nearest, one_run
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.charts import distribution, latencies_of
from perflab.lab.marks import Band, Line, Rule
from perflab.lab.palette import ALARM, CLOCK_LINE, MEASURED, MODEL_LINE, PINNED_LINE, SECOND
from perflab.measure import Frame, call_slices, merge
from perflab.measure.clock import measure_clock
from perflab.measure.warmup import warmup_length
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.operations.operations import OPERATIONS


def experiment(operation: str, repeats: int, batch: int) -> Iterator[Frame]:
    caveat = {"caveat": durability_caveat() or ""} if "fsync" in operation else {}
    with OPERATIONS[operation]() as call:
        for latencies in call_slices(call, repeats, batch):
            yield merge([latencies.frame(), Frame(facts=caveat)])


def calibrate() -> Iterator[Frame]:
    """What two readings of the clock cost here."""
    clock = measure_clock()
    yield Frame(facts={"clock_ns": clock.reading_ns, "resolution_ns": clock.resolution_ns})


QUOTED_NS: dict[str, tuple[float, float] | None] = {
    "dict lookup": (50, 100e3),
    "function call": None,
    "file read, 4 kB": (100e3, 1e6),
    "append + fsync, 4 kB": (5e6, 20e6),
    "SQLite lookup by key": (1e6, 10e6),
    "TCP round trip, loopback": (50e3, 1e6),
    "HTTP request, loopback": (1e6, 100e6),
    "sleep 1 ms": (1e6, 1.05e6),  # a band as wide as can be seen
}
"""Common wisdom put to the test: memory below 0.1 ms, an SSD 0.1-1 ms, a disk 5-20 ms, a simple query 1-10 ms, a local
network below 1 ms, an API 1-100 ms. Much of it was true of other machines."""


@dataclass(frozen=True)
class Expected:
    """How many samples a run will hold, what the clock itself adds to each, and what is commonly quoted (ns)."""

    calls: int
    clock_ns: float
    quoted_ns: tuple[float, float] | None


def predict(operation: str, repeats: int, batch: int, constants: Mapping[str, Any]) -> Expected:
    return Expected(repeats, constants["clock_ns"] / batch, QUOTED_NS[operation])


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


CHARTS = (
    Chart(
        "Each call, in order",
        Axis("call number (log)", 0.8, 150_000, log=True, ticks=count_ticks),
        Axis("time of the call (log)", 20, 1e8, log=True, ticks=duration_ticks),
        Band("y", "commonly quoted", model=lambda model: model.quoted_ns, color=SECOND, alpha=0.3),
        Line("one call", run=settled, color=MEASURED, marker=".", markersize=3, linestyle="none"),
        Line("warm-up", run=warm_up, color=ALARM, marker="x", markersize=5, linestyle="none"),
        Rule("y", "pinned median", pinned=median_ns, **PINNED_LINE),
        Rule("y", "clock's own cost", model=lambda model: model.clock_ns, **CLOCK_LINE),
        Rule("x", "planned end", model=lambda model: model.calls, **MODEL_LINE),
    ),
    distribution(),
)


def slowest_over_median(record: Record) -> str | None:
    """How many times the median the slowest of at least 10,000 calls took, as one of the choices."""
    latencies = latencies_of(record)
    return nearest(CHOICES, latencies.max() / np.median(latencies)) if latencies.size >= 10_000 else None


CHOICES = {"about the same": 1.0, "×2": 2.0, "×10": 10.0, "×100 or more": 100.0}

PREDICTION = Prediction(
    question="You look up one key in a dict 10,000 times. How much slower is the slowest look-up than the median one?",
    choices={
        "about the same": "The idea behind it: the same code takes the same time. But it shares the machine with other work.",
        "×2": "The idea behind it: times spread a little around the mean. Latencies are not a bell: they have a long tail.",
        "×10": "The idea behind it: a few calls are unlucky. Interrupts and task switches are longer than the work itself.",
        "×100 or more": "A short operation is dwarfed by whatever interrupts it.",
    },
    settle=one_run(slowest_over_median, batch=1),
    hint="Measure at least 10,000 repeats with a batch size of 1 to find out.",
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
        },
        charts=CHARTS,
        prediction=PREDICTION,
    )
