"""What theory expects of a query, and what a run of it has found, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.lab.verdict import ratio_in_turns
from perflab.measure import Ratio, count, duration
from perflab.measure.compare import EQUAL
from perflab.measure.units import number
from perflab.systems.databases.orders import FEWEST, MOST, PAGE
from perflab.theory.btree import QueryCosts

POOLED, OPENED = "from a pool", "opened each time"
ONE_ROW, JOIN, ONE_BY_ONE = "one row", "page by a join", "page by N+1"
X = np.geomspace(FEWEST, MOST, 60)
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def predict(rows: int, index: bool, connection: str, fetch: str, constants: Mapping[str, Any]) -> Curve:
    """Latency (ns) over all numbers of rows: opening + statements + levels or rows read, with this machine's constants.

    Left out: the disk (the operating system holds the whole file in memory), and that SQLite's own cache of 2 MB is too
    small for the largest tables, whose pages it has to fetch from the operating system again and again.
    """
    costs = QueryCosts(*(constants[field.name] for field in fields(QueryCosts)))
    x = np.sort(np.append(X, rows))
    took = costs.indexed(x) if index else costs.scanned(x)
    if fetch == JOIN:
        took = took + costs.joined(PAGE)
    elif fetch == ONE_BY_ONE:
        took = took + costs.one_by_one(PAGE, x)
    return x, took + (constants["opening_ns"] if connection == OPENED else 0.0)


def median_ns(run: Record) -> float:
    """Of all queries so far."""
    return float(np.median(run.column("latency_ns")))


WHAT = {ONE_ROW: "a look-up", JOIN: f"a page of {PAGE} by a join", ONE_BY_ONE: f"a page of {PAGE} by N+1"}


def said_of(run: Record) -> dict[str, str]:
    """Each of the run's settings in a few words."""
    chosen = run.parameters
    index = "with an index" if chosen["index"] else "without an index"
    connection = f"connection {chosen['connection']}"
    return {"rows": f"{count(chosen['rows'])} rows", "index": index, "connection": connection, "fetch": chosen["fetch"]}


def finding(record: Record, pinned: Record | None) -> str | None:
    """What a query takes; or what the change between two runs does to it."""
    if not record.column("latency_ns").size or not median_ns(record):
        return None
    ratio = None if pinned is None else ratio_in_turns(record, pinned)
    if pinned is None or ratio is None or pinned.parameters == record.parameters:
        opened = " and a connection opened each time" if record.parameters["connection"] == OPENED else ""
        said = said_of(record)
        what = f"{WHAT[record.parameters['fetch']]} in {said['rows']} takes {duration(median_ns(record))}"
        return f"{said['index'].capitalize()}{opened}, {what}."
    before, after = said_of(pinned), said_of(record)
    changed = [name for name in before if before[name] != after[name]]
    names = (before[changed[0]], after[changed[0]]) if len(changed) == 1 else ("the pinned query", "this query")
    times = [f"{name} {duration(median_ns(run))}" for name, run in zip(names, (pinned, record), strict=True)]
    told = f"{times[0]}, {times[1]}{_times_said(ratio, median_ns(record) / median_ns(pinned))}."
    return told[0].upper() + told[1:]


def _times_said(ratio: Ratio, of_medians: float) -> str:
    if ratio.verdict == EQUAL:
        return ": practically equal"
    if (ratio.value - 1) * (of_medians - 1) <= 0:  # slice by slice it is the other way round
        return ""
    return f": {number(ratio.value)} times as long" if ratio.value > 1 else f": {number(1 / ratio.value)} times as fast"


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    query = "One order" if chosen["fetch"] == ONE_ROW else f"A page of {PAGE} orders"
    how = {ONE_ROW: "", JOIN: " by a join", ONE_BY_ONE: f" by 1 + {PAGE} statements"}[chosen["fetch"]]
    index, opened = "with" if chosen["index"] else "without", chosen["connection"] == OPENED
    return (
        f"{query} of {count(chosen['rows'])}, drawn at random, is read from SQLite {index} an index{how}, again and again, on "
        f"{'a new connection each time' if opened else 'one connection'}."
    )
