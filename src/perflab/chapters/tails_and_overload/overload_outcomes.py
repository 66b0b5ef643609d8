"""What became of the requests of a run of the lab on overload: in time, late, rejected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.measuring_throughput.counting_model import count_ratio
from perflab.lab import Record
from perflab.lab.verdict import ratio_text
from perflab.measure import count
from perflab.measure.compare import Ratio

IN_TIME, TOO_LATE, REJECTED, OVERDUE, OPEN = range(5)
REJECTED_NS = 1.3e6
"""Where rejected requests stand in a chart of response times."""


def deadline_ns(record: Record) -> float:
    return 1e6 * float(record.parameters["deadline"])


def outcomes(record: Record) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Of each request that was due: when (s), its response time (ns; so far, where it has no answer; NaN where it was rejected),
    and what became of it (`IN_TIME`, `TOO_LATE`, `REJECTED`, or `OVERDUE` or still `OPEN` without an answer).
    """
    due_s, rejected = record.column("arrived_s"), record.column("rejected_number").astype(int)
    times = 1e9 * (record.fact("elapsed_s", 0.0) - due_s)
    became = np.where(times > deadline_ns(record), OVERDUE, OPEN)
    answered = record.column("number").astype(int)
    times[answered], times[rejected] = record.column("latency_ns"), np.nan
    became[answered] = np.where(times[answered] <= deadline_ns(record), IN_TIME, TOO_LATE)
    became[rejected] = REJECTED
    return due_s, times, became


def parts(record: Record) -> NDArray[np.int64]:
    """How many requests were answered in time, were late (or have waited too long without an answer), or rejected."""
    number = np.bincount(outcomes(record)[2], minlength=OPEN + 1)
    return np.array([number[IN_TIME], number[TOO_LATE] + number[OVERDUE], number[REJECTED]])


def per_s(record: Record) -> NDArray[np.float64]:
    """The `parts` per second; NaN before any time has passed."""
    return parts(record) / (record.fact("elapsed_s", 0.0) or np.nan)


def goodput(record: Record) -> float:
    """Requests per second that were answered in time."""
    return float(per_s(record)[0])


def goodput_ratio(record: Record, other: Record) -> Ratio:
    """How many times that of the other run the goodput is."""
    return count_ratio(int(parts(record)[0]), int(parts(other)[0]))


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """The goodput beside that of the pinned run; too few answers in time are not compared."""
    ratio = goodput_ratio(record, pinned)
    more = f"; this run has {ratio_text(ratio)}" if ratio.has_interval else ""
    return f"Pinned run: {count(goodput(pinned))}/s in time{more}.", ratio.verdict if more else ""


def bar(part: int) -> Callable[[Record], Any]:
    """One part of the bar of a run, above those before it."""

    def ends(record: Record) -> Any:
        above = np.cumsum([0.0, *per_s(record)])
        return [record.parameters["offered"]], above[part : part + 1], above[part + 1 : part + 2]

    return ends


def each(part: int) -> Callable[[Record], Any]:
    """When the requests of a part were due (s), and their response times (ns); `REJECTED_NS` of rejected ones."""

    def dots(record: Record) -> Any:
        due_s, times, became = outcomes(record)
        chosen = became == part
        return due_s[chosen], np.nan_to_num(times[chosen], nan=REJECTED_NS)

    return dots
