"""How long does one operation take? The same operation timed again and again, on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perflab.lab import Lab, Prediction, Record, choice, log_slider
from perflab.lab.panels import Calls, Distribution
from perflab.measure.clock import measure_clock
from perflab.measure.frame import Frame, merge
from perflab.measure.slices import call_slices
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


NOTHING = (float("nan"), float("nan"))
QUOTED_NS: dict[str, tuple[float, float]] = {
    "dict lookup": (50, 100e3),
    "function call": NOTHING,
    "file read, 4 kB": (100e3, 1e6),
    "append + fsync, 4 kB": (5e6, 20e6),
    "SQLite lookup by key": (1e6, 10e6),
    "TCP round trip, loopback": (50e3, 1e6),
    "HTTP request, loopback": (1e6, 100e6),
    "sleep 1 ms": (1e6, 1e6),
}
"""Common wisdom put to the test: memory below 0.1 ms, an SSD 0.1-1 ms, a disk 5-20 ms, a simple query 1-10 ms, a local
network below 1 ms, an API 1-100 ms. Much of it was true of other machines."""


@dataclass(frozen=True)
class Expected:
    """How many samples a run will hold, what the clock itself adds to each, and what is commonly quoted (ns)."""

    calls: int
    clock_ns: float
    quoted_ns: tuple[float, float]


def predict(operation: str, repeats: int, batch: int, constants: Mapping[str, Any]) -> Expected:
    return Expected(repeats, constants["clock_ns"] / batch, QUOTED_NS[operation])


def slowest_over_median(records: Sequence[Record]) -> str | None:
    """How many times the median the slowest of at least 10,000 calls took, as one of the choices."""
    import numpy as np

    for record in reversed(records):
        latencies = record.column("latency_ns")
        if latencies.size >= 10_000 and record.parameters["batch"] == 1:
            times = latencies.max() / np.median(latencies)
            return next((text for text, limit in LIMITS.items() if times < limit), "×100 or more")
    return None


LIMITS = {"about the same": 1.5, "×2": 5, "×10": 40}

PREDICTION = Prediction(
    question="You look up one key in a dict 10,000 times. How much slower is the slowest look-up than the median one?",
    choices={
        "about the same": "The idea behind it: the same code takes the same time. It shares the machine with everything else.",
        "×2": "The idea behind it: times spread a little around the mean. Latencies are not a bell: they have a long tail.",
        "×10": "The idea behind it: a few calls are unlucky. Interrupts and task switches are longer than the work itself.",
        "×100 or more": "A short operation is dwarfed by whatever interrupts it.",
    },
    settle=slowest_over_median,
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
        charts=(Calls(), Distribution()),
        prediction=PREDICTION,
    )
