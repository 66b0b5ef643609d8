"""What the stopwatch lab says of its runs: how far the slowest call is from the usual one, and what each control does to both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from perflab.chapters.changes import only_change
from perflab.chapters.findings import median_told
from perflab.lab import Record
from perflab.lab.charts import latencies_of
from perflab.lab.verdict import ratio_in_turns, step_of, summary_of
from perflab.measure import count, duration, number
from perflab.measure.clock import STEPS_TO_TELL
from perflab.measure.warmup import warmup_length


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    batch, collector = chosen["batch"], "on" if chosen["collector"] else "off"
    timed = f"batches of {count(batch)} calls, each batch timed" if batch > 1 else "calls, each timed"
    return (
        f"{named(chosen)}: up to {count(chosen['repeats'])} {timed} alone; Python's garbage collector is {collector}."
    )


def finding(record: Record, pinned: Record | None) -> str | None:
    """The slowest call beside the median, or the mean of batches; beside another run, what the one change did."""
    usual = median_told(record)
    if np.isnan(usual):
        return None
    changed, name = only_change(record, pinned), named(record.parameters)
    if pinned is not None and changed and (said := effect(changed, record, pinned)):
        return said
    if batch_of(record) > 1:
        return f"{name}: a call takes {took(record)}."
    coarse = usual < STEPS_TO_TELL * step_of(record, summary_of(record))
    times = f"{'about ' if coarse else ''}{number(slowest_ns(record) / usual)} times the median ({duration(usual)})"
    return f"{name}: the slowest of {calls_of(record)} took {duration(slowest_ns(record))}, {times}."


def effect(changed: str, record: Record, pinned: Record) -> str:
    """What the change of this control did; "" where there is nothing to say of both."""
    return "" if np.isnan(median_told(pinned)) else EFFECTS[changed](record, pinned)


def named(parameters: Mapping[str, Any]) -> str:
    """The operation, at the beginning of a sentence."""
    operation = str(parameters["operation"])
    return operation[0].upper() + operation[1:]


def batch_of(record: Record) -> int:
    """How many calls lie between two readings of the clock."""
    return int(record.fact("batch", 1))


def took(record: Record) -> str:
    """What a call takes, and how that was timed."""
    batch = batch_of(record)
    if batch == 1:
        return f"{duration(median_told(record))} (median) timed alone"
    return f"{duration(summary_of(record).mean.value)} (mean) in batches of {count(batch)}"


def slowest_ns(record: Record) -> float:
    """The slowest call after the warm-up."""
    latencies = latencies_of(record)
    return float(latencies[warmup_length(latencies) :].max())


def calls_of(record: Record) -> str:
    """Among how many calls it was the slowest."""
    latencies = latencies_of(record)
    warm_up = warmup_length(latencies)
    return f"{count(latencies.size - warm_up)} {'warm ' if warm_up else ''}calls"


def of_operations(record: Record, pinned: Record) -> str:
    """How many times as long as the other the slower operation takes."""
    quick, slow = sorted((pinned, record), key=median_told)
    found = None if batch_of(quick) > 1 else ratio_in_turns(slow, quick)
    if found is None:
        return ""
    medians = f"medians {duration(median_told(slow))}, {duration(median_told(quick))}"
    return (
        f"{named(slow.parameters)}: {number(found.value)} times as long as {quick.parameters['operation']} ({medians})."
    )


def of_batches(record: Record, pinned: Record) -> str:
    """What a call takes with its share of the clock's cost, and with more of it."""
    few, many = sorted((pinned, record), key=batch_of)
    return f"{named(record.parameters)}: a call takes {took(few)}, {took(many)}." if batch_of(many) > 1 else ""


def of_lengths(record: Record, pinned: Record) -> str:
    """The slowest of few calls, and of many."""
    if batch_of(record) > 1:
        return ""
    few, many = sorted((pinned, record), key=lambda run: int(latencies_of(run).size))
    told = [f"{calls_of(run)} took {duration(slowest_ns(run))}" for run in (few, many)]
    return f"{named(record.parameters)}: the slowest of {told[0]}, the slowest of {told[1]}."


def of_collector(record: Record, pinned: Record) -> str:
    """Median and slowest call with Python's garbage collector, and without."""
    if batch_of(record) > 1:
        return ""
    without, with_it = sorted((pinned, record), key=lambda run: bool(run.parameters["collector"]))
    usual = [duration(median_told(run)) for run in (without, with_it)]
    slowest = [duration(slowest_ns(run)) for run in (without, with_it)]
    said = f"{named(record.parameters)}: median {usual[1]}, slowest call {slowest[1]} with the garbage collector"
    return f"{said}; {usual[0]}, {slowest[0]} without."


EFFECTS: dict[str, Callable[[Record, Record], str]] = {
    "operation": of_operations,
    "batch": of_batches,
    "repeats": of_lengths,
    "collector": of_collector,
}
"""By the control that was changed."""
