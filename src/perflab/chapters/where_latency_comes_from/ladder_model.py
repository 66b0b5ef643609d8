"""What theory expects of a read of memory: one cache with memory behind it; and what a run says of its rungs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.lab.verdict import ratio_in_turns
from perflab.measure import Estimate, byte_size, count, duration
from perflab.measure.compare import EQUAL
from perflab.measure.units import number
from perflab.systems.operations.rungs import CALL, FLOOR, FSYNC, HAND_OVER, PARTS, YOURS, rungs_of
from perflab.theory.memory import random_read

SMALLEST, LARGEST, FAR_OFF = 16_000, 64_000_000, 3
YOURS_NS = f"{YOURS}_ns"
LADDER = rungs_of("all", SMALLEST)
ROWS = (*PARTS["all"][:3], YOURS, *PARTS["all"][3:])
SHORT = {FLOOR: "loop pass of Python", CALL: "function call of Python", HAND_OVER: "lock hand-over"}
QUOTES = {name: rung.quoted_ns for name, rung in LADDER.items() if rung.quoted_ns is not None}


def predict(part: str, working_set: int, constants: Mapping[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """A read of memory (ns) against the working set (bytes): one cache with memory behind it."""
    costs = constants["cache"], constants["inside_ns"], constants["outside_ns"]
    # The bend of the curve is a point of its own: between two others it would look like a slope.
    sizes = np.sort(np.append(np.geomspace(SMALLEST, LARGEST, 60), np.clip(costs[0], SMALLEST, LARGEST)))
    return sizes, random_read(sizes, *costs)


@lru_cache(maxsize=4)
def measured(record: Record) -> Mapping[str, Estimate]:
    """Median of each rung that was climbed, with its middle 90%."""
    columns = {name: record.column(f"{name}_ns") for name in ROWS}
    found = {name: np.quantile(values, (0.5, 0.05, 0.95)).tolist() for name, values in columns.items() if values.size}
    return {name: Estimate(*quantiles) for name, quantiles in found.items()}


def ends_said(medians: Mapping[str, float]) -> str:
    """The quickest and the slowest rung, and how far they are apart."""
    lowest, highest = (find(medians, key=lambda name: medians[name]) for find in (min, max))
    low, high = medians[lowest], medians[highest]
    return (
        f"From {SHORT.get(lowest, lowest)} ({duration(low)}) to {SHORT.get(highest, highest)} ({duration(high)}): "
        f"a factor of {roughly(high / low)}."
    )


def off_the_quote(record: Record, medians: Mapping[str, float]) -> str:
    """A sentence on the rung farthest from its quote, where that is far: quotes themselves are round."""
    # What is quoted for less than a step of Python shows Python, on every machine: that is no deviation of this one.
    quotes = {name: QUOTES[name] for name in medians if name in QUOTES and QUOTES[name][1] > medians[FLOOR]}
    off = {name: max(medians[name] / high, low / medians[name]) for name, (low, high) in quotes.items()}
    farthest = max(off, key=lambda name: off[name], default=None)
    if farthest is None or off[farthest] < FAR_OFF:
        return ""
    quote, median = quotes[farthest], medians[farthest]
    times = f"{roughly(off[farthest])} times as {'long' if median > quote[1] else 'quick'}."
    said = f" Farthest from its quote ({LADDER[farthest].quote}): {farthest}, {duration(median)}, {times}"
    return f"{said} {record.fact(f'caveat of {farthest}', '')}".rstrip()


def roughly(times: float) -> str:
    return number(float(f"{times:.2g}"))


def finding(record: Record, pinned: Record | None) -> str | None:
    """How many reads of memory a durable write takes; where there is none, how far apart the rungs are."""
    medians = {name: found.value for name, found in measured(record).items()}
    if len(medians) < 2 or min(medians.values()) <= 0:
        return None
    if pinned is not None and (beside := _beside(record, pinned)):
        return beside
    write, read = (medians.get(name, np.nan) for name in (FSYNC, YOURS))
    if not write >= 2 * read:
        return ends_said(medians)
    said = f"Appending 4 kB with fsync takes {duration(write)}"
    return f"{said}, as long as {roughly(write / read)} reads of your working set ({duration(read)} each)."


def _beside(record: Record, pinned: Record) -> str:
    """A read with less and with more in use; empty where the working set is not what was changed."""
    few, many = sorted((pinned, record), key=lambda run: run.parameters["working_set"])
    ratio = ratio_in_turns(many, few, YOURS_NS)
    if ratio is None or few.parameters["working_set"] == many.parameters["working_set"]:
        return ""
    less, more = (f"{byte_size(run.parameters['working_set'])}" for run in (few, many))
    times = [measured(run)[YOURS].value for run in (few, many)]
    said = f"A read takes {duration(times[0])} with {less} in use, and {duration(times[1])} with {more}"
    return f"{said}: practically the same." if ratio.verdict == EQUAL else f"{said}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    rungs = rungs_of(chosen["part"], chosen["working_set"])
    said = f"{count(len(rungs))} operations are timed in turns, again and again."
    if YOURS not in rungs:
        return said
    return f"{said} A read of your working set of {byte_size(chosen['working_set'])} waits for the one before."
