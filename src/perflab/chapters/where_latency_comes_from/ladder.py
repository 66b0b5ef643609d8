"""How far apart are the steps of a computer? From one read of memory to a new process, each really climbed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Lab, Prediction, Record, Verdict, choice, log_slider
from perflab.lab.axes import byte_ticks
from perflab.lab.panels import Ladder, Versus
from perflab.lab.verdict import against_pinned
from perflab.measure.caches import private_cache_bytes
from perflab.measure.compare import ratio
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.measure.slices import call_slices
from perflab.measure.timing import time_calls
from perflab.measure.units import NOTHING, count, duration, duration_range, number, seconds_as_people_say
from perflab.systems.machine.chase import chase
from perflab.systems.operations.rungs import RUNGS, STEPS, Rung, memory_caveat
from perflab.theory.memory import outside_from, random_read

SMALLEST, LARGEST = 16_000, 64_000_000
PROBED = 32_000_000
SLICE_S = 0.08
YOURS = "memory, your working set"
FLOOR = "Python: one pass of an empty loop"
PARTS: dict[str, tuple[str, ...]] = {
    "memory": (FLOOR, "memory, 16 kB in use"),
    "system": (
        FLOOR,
        "Python: one function call",
        "system call",
        "context switch",
        "compress 1 kB",
        "lock hand-over between threads",
        "round trip, loopback",
        "process start",
    ),
    "storage": (FLOOR, "read 4 kB, page cache", "read 4 kB, disk", "append 4 kB + fsync", "SQLite commit"),
}
PARTS["all"] = tuple(name for name in RUNGS if any(name in part for part in PARTS.values()))
ROWS = (*PARTS["all"][:3], YOURS, *PARTS["all"][3:])
LOW_NS, HIGH_NS = 0.3, 1e9
FAR_OFF = 3
"""So many times beyond the quoted range is worth a sentence: the quotes themselves are rounder than that."""


def experiment(part: str, working_set: int) -> Iterator[Frame]:
    with ExitStack() as stack:
        streams, first, facts = {}, {}, {}
        for name, rung in rungs_of(part, working_set).items():
            stream = call_slices(stack.enter_context(rung.ready()), slice_s=SLICE_S)
            streams[name] = (rung, stream)
            # A single call and some more, so that every rung has its first number soon.
            first[_column(name)] = (
                np.concatenate([next(stream).latencies_ns, next(stream).latencies_ns]) / rung.per_call
            )
            facts[f"caveat of {name}"] = rung.caveat() or ""
        yield Frame(first, {"calls": sum(values.size for values in first.values())}, facts)
        while True:
            for name, (rung, stream) in streams.items():
                latencies = next(stream).latencies_ns
                yield Frame({_column(name): latencies / rung.per_call}, {"calls": latencies.size})


def rungs_of(part: str, working_set: int) -> dict[str, Rung]:
    """The rungs of a part; that of the working set last, because a large one takes a moment to lay out."""
    chosen = {name: RUNGS[name] for name in PARTS[part]}
    if part in ("all", "memory"):
        chosen[YOURS] = Rung(partial(chase, working_set, STEPS), 200, per_call=STEPS, caveat=working_set_caveat)
    return chosen


def working_set_caveat() -> str | None:
    """What a step holds besides the read, and where the model's cache is not this machine's own."""
    told = "" if private_cache_bytes()[1] else " The system does not tell its cache: the model's is a typical one."
    return f"{memory_caveat()}{told}"


def _column(name: str) -> str:
    return f"{name}_ns"


def calibrate() -> Iterator[Frame]:
    """The size of this machine's cache, and what a read inside of it and outside of it takes."""
    cache, _ = private_cache_bytes()
    inside, mixed = (_step_ns(size) for size in (SMALLEST, PROBED))
    outside = outside_from(mixed, PROBED, cache, inside)
    yield Frame(facts={"cache": cache, "inside_ns": inside, "outside_ns": outside})


def _step_ns(working_set: int) -> float:
    with chase(working_set, STEPS) as go:
        return percentile(time_calls(go, repeats=60).latencies_ns, 0.5) / STEPS


@dataclass(frozen=True)
class Expected:
    """A read (ns) against the working set (bytes), and what is quoted for each rung that is climbed."""

    sizes: NDArray[np.float64]
    reads_ns: NDArray[np.float64]
    quotes_ns: Mapping[str, tuple[float, float]]


def predict(part: str, working_set: int, constants: Mapping[str, Any]) -> Expected:
    """What is commonly quoted, and for memory one cache with memory behind it."""
    costs = constants["cache"], constants["inside_ns"], constants["outside_ns"]
    # The bend of the curve is a point of its own: between two others it would look like a slope.
    sizes = np.sort(np.append(np.geomspace(SMALLEST, LARGEST, 60), np.clip(costs[0], SMALLEST, LARGEST)))
    quoted = {name: rung.quoted_ns for name, rung in rungs_of(part, working_set).items() if rung.quoted_ns is not None}
    return Expected(sizes, random_read(sizes, *costs), quoted)


SHORT = {
    FLOOR: "loop pass of Python",
    "Python: one function call": "function call of Python",
    "lock hand-over between threads": "lock hand-over",
}


def measured(record: Record) -> dict[str, Estimate]:
    """Median of each rung that was climbed, with its middle 90%."""
    found = {}
    for name in ROWS:
        values = record.column(_column(name))
        if values.size:
            low, high = map(float, np.quantile(values, (0.05, 0.95)))
            found[name] = Estimate(float(np.median(values)), low, high)
    return found


def is_mean(name: str) -> bool:
    """Whether a value of this rung is the mean of many operations."""
    return name not in RUNGS or RUNGS[name].is_mean


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """From the lowest rung to the highest, and the one that is farthest from what is quoted, with its caveat."""
    medians = {name: interval.value for name, interval in measured(record).items()}
    if not medians:
        return Verdict("Nothing was measured.", "invalid")
    lowest, highest = min(medians, key=lambda name: medians[name]), max(medians, key=lambda name: medians[name])
    low, high = medians[lowest], medians[highest]
    said = (
        f"From {SHORT.get(lowest, lowest)} ({duration(low)}) to {highest} ({duration(high)}): a factor of "
        f"{_roughly(high / low)}. If 1 ns were 1 s: {seconds_as_people_say(low)} and {seconds_as_people_say(high)}."
        f"{_off_the_quote(record, medians)}"
    )
    column = _column(YOURS)
    if pinned is None or pinned is record or not (record.column(column).size and pinned.column(column).size):
        return Verdict(said)
    compared = ratio(record.column(column), pinned.column(column))
    return Verdict(f"{said} A read of your working set is {against_pinned(compared)}.", compared.verdict)


def _off_the_quote(record: Record, medians: Mapping[str, float]) -> str:
    # What is quoted for less than a step of Python shows Python, on every machine: that is no deviation of this one.
    floor = medians.get(FLOOR, 0.0)
    known = {name: RUNGS[name].quoted_ns for name in medians if name in RUNGS}
    quotes = {name: quote for name, quote in known.items() if quote and quote[1] > floor}
    off = {name: max(medians[name] / high, low / medians[name]) for name, (low, high) in quotes.items()}
    farthest = max(off, key=lambda name: off[name], default=None)
    if farthest is None or off[farthest] < FAR_OFF:
        return ""
    slower = medians[farthest] > quotes[farthest][1]
    caveat = record.fact(f"caveat of {farthest}", "")
    said = f" Farthest from its quote ({quote_text(quotes[farthest])}): {farthest}, {duration(medians[farthest])},"
    return f"{said} {_roughly(off[farthest])} times as {'long' if slower else 'quick'}. {caveat}".rstrip()


def _roughly(times: float) -> str:
    return number(float(f"{times:.2g}"))


def quote_text(quoted_ns: tuple[float, float]) -> str:
    """`5.0–20 ms`, or `105 ns` where a single number is quoted."""
    return duration(quoted_ns[0]) if quoted_ns[0] == quoted_ns[1] else duration_range(*quoted_ns)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each rung: median, middle 90%, what is quoted and where, and what to know about the number."""
    rows: list[tuple[str, ...]] = [("rung", "median here", "middle 90%", "quoted", "what to know")]
    for name, interval in measured(record).items():
        rung = RUNGS.get(name)
        quoted = f"{quote_text(rung.quoted_ns)}: {rung.source}" if rung and rung.quoted_ns else NOTHING
        mean_of = f"Each value is the mean of {count(rung.per_call if rung else STEPS)}. " if is_mean(name) else ""
        told = f"{mean_of}{record.fact(f'caveat of {name}', '')}".strip() or NOTHING
        rows.append((name, duration(interval.value), duration_range(interval.low, interval.high), quoted, told))
    return rows


def how_far_is_the_disk(records: Sequence[Record]) -> str | None:
    """How many reads of the working set one durable write takes, as a choice."""
    for record in reversed(records):
        memory, disk = (record.column(_column(name)) for name in (YOURS, "append 4 kB + fsync"))
        if memory.size and disk.size and record.parameters["working_set"] >= 1_000_000:
            times = float(np.median(disk) / np.median(memory))
            return min(CHOICES, key=lambda text: abs(np.log(times / CHOICES[text])))
    return None


CHOICES = {"×100": 1e2, "×10,000": 1e4, "×1,000,000": 1e6}

PREDICTION = Prediction(
    question="One read of memory takes its time. How much longer does it take to append 4 kB to a file and wait for the disk?",
    choices={
        "×100": "That is about a system call or two: the file is written, but nobody has waited for the disk.",
        "×10,000": "A fast drive, or one that answers from a cache of its own, takes a few hundred microseconds or less.",
        "×1,000,000": "A disk that turns, or a busy cloud volume: a hundred milliseconds if one read is a hundred nanoseconds.",
    },
    settle=how_far_is_the_disk,
    hint="Measure all parts with a working set of at least 1 MB.",
)


def lab() -> Lab:
    memory_curve = Versus(
        "working_set",
        (SMALLEST / 1.6, LARGEST * 1.6),
        (1, 1_000),
        lambda model: (model.sizes, model.reads_ns),
        "working set",
        column=_column(YOURS),
        tail=False,
        ticks=byte_ticks,
    )
    return Lab(
        question="How far apart are the steps of a computer?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "part": choice(("all", "memory", "system", "storage"), label="part of the ladder"),
            "working_set": log_slider(SMALLEST, LARGEST, 10_000_000, unit="bytes", label="working set"),
        },
        charts=(
            Ladder([(name, SHORT.get(name, name)) for name in ROWS], LOW_NS, HIGH_NS, measured, is_mean, FLOOR),
            memory_curve,
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
    )
