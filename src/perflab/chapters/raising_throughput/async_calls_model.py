"""What calls and many clients should take on this machine: waits that overlap or take turns, and CPU time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic, perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.lab import Record
from perflab.measure import byte_size, count, duration, number, paired_ratio, things
from perflab.measure.compare import CLEAR, EQUAL
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame
from perflab.measure.guards import machine_limits
from perflab.systems.clients.calls import IN_A_ROW, ON_A_LOOP, ON_THREADS, callers
from perflab.systems.clients.crowd import crowd
from perflab.systems.process.child import ChildServer
from perflab.systems.servers.worker_kinds import LOOP, THREADS
from perflab.systems.servers.worker_server import worker_server

HTTP, DATABASE = "HTTP calls", "database calls"
STAGES = {HTTP: "wait", DATABASE: "query"}
"""What a call makes the server do: wait, or hold one of its `POOL` database connections meanwhile."""
POOL = 4
KINDS = (THREADS, LOOP)
MIN_CLIENTS = 30  # memory is allocated in pages: that of fewer clients says little
NUMBERS = np.unique(np.round(np.logspace(0, 3, 31))).astype(int)
SLICE_S = 0.2
TRIED_CLIENTS, TRIED_MS = 200, 5
SPARE = 8
"""Connections of the server that are left over."""


def path_of(what: str, milliseconds: int) -> str:
    """The path of such a call."""
    return f"/work?{STAGES[what]}={milliseconds}"


def server() -> AbstractContextManager[ChildServer]:
    """An event loop with a worker for each connection, so that no call waits for a worker; a pool of connections behind it."""
    return worker_server(machine_limits().connections - SPARE, connections=POOL, kind=LOOP)


def rounds(ways: Mapping[str, Any], path: str, order: np.random.Generator) -> Frame:
    """All ways once a round, in another order each time, until a slice is over; ns of each."""
    times: dict[str, list[int]] = {name: [] for name in ways}
    ends = monotonic() + SLICE_S
    while monotonic() < ends or not times[IN_A_ROW]:
        for name in order.permutation(list(ways)).tolist():
            began = perf_counter_ns()
            ways[name](path)
            times[name].append(perf_counter_ns() - began)
    return Frame({name: np.array(column, float) for name, column in times.items()}, {"calls": len(times[IN_A_ROW])})


def calibrate() -> Iterator[Frame]:
    """CPU time on this machine: of a call, and of one client among many, on threads and on an event loop."""
    facts: dict[str, float] = {}
    with server() as running:
        with callers(running.port, 1) as made:
            for what in STAGES:
                trips = rounds(made.ways, path_of(what, 1), np.random.default_rng(0)).samples
                facts[what] = float(np.median(trips[IN_A_ROW].astype(float))) - 1e6
        for kind in KINDS:
            with crowd(kind, running.port, TRIED_CLIENTS, TRIED_MS) as clients:
                clients.ask("connect")
                last_ns = max(clients.ask("call")["reply_ns"])
            waited_ns = float(turns(kind, TRIED_CLIENTS)) * TRIED_MS * 1e6
            facts[f"{kind}_ns"] = max(0.0, last_ns - waited_ns) / TRIED_CLIENTS
    yield Frame(facts=facts)


def turns(kind: str, clients: Any) -> Any:
    """How many waits follow each other: threads serve as many clients at a time as there are threads, a loop serves all."""
    return np.ceil(clients / machine_limits().threads) if kind == THREADS else np.ones_like(clients)


@dataclass(frozen=True)
class Expected:
    """`calls` of each way (ns): from the waits alone to all CPU time added. `response_ns` of each kind over `NUMBERS`."""

    calls: Mapping[str, Estimate]
    response_ns: Mapping[str, NDArray[np.float64]]


def predict(what: str, calls: int, clients: int, wait: int, constants: Mapping[str, Any]) -> Expected:
    """In a row the waits add up, gathered they overlap: calls to a database as far as its connections go. CPU time adds up.

    Half of the clients have their reply after half of the turns, when half of the work for all is done.
    """
    wait_ns, call_ns = wait * 1e6, constants[what]
    overlapped_ns = wait_ns * (np.ceil(calls / POOL) if what == DATABASE else 1)
    rows = {IN_A_ROW: Estimate(np.nan, calls * wait_ns, calls * (wait_ns + call_ns))}
    rows |= {way: Estimate(np.nan, overlapped_ns, overlapped_ns + calls * call_ns) for way in (ON_THREADS, ON_A_LOOP)}
    clients_ns = {kind: turns(kind, NUMBERS / 2) * wait_ns + constants[f"{kind}_ns"] * NUMBERS / 2 for kind in KINDS}
    return Expected(rows, clients_ns)


def medians(record: Record, what: str) -> dict[str, float]:
    """Of each kind of clients: time until half of them have their reply ("ns"), or "bytes" of a client."""
    columns = {kind: record.column(f"{kind} {what}") for kind in KINDS}
    return {kind: float(np.median(column)) for kind, column in columns.items() if column.size}


def sizes(record: Record) -> dict[str, float]:
    """Bytes that a connected client takes, where there are enough clients to tell."""
    enough = record.parameters["clients"] >= MIN_CLIENTS
    return {kind: size for kind, size in medians(record, "bytes").items() if enough and size > 0}


def clients_said(record: Record) -> str:
    """When half of the clients have their reply, and what memory one takes."""
    clients, times, bytes_each, said = record.parameters["clients"], medians(record, "ns"), sizes(record), ""
    if len(times) == len(KINDS):
        threads = things(min(clients, machine_limits().threads), "thread")
        have = f"Half of {count(clients)} clients have their reply" if clients > 1 else "1 client has its reply"
        said += f" {have} within {duration(times[THREADS])} on {threads}, {duration(times[LOOP])} on one event loop."
    if len(bytes_each) == len(KINDS):
        said += f" A client takes {byte_size(bytes_each[THREADS])} and {byte_size(bytes_each[LOOP])} of memory."
    return said


def calls_text(chosen: Mapping[str, Any]) -> str:
    """`3 HTTP calls of 20 ms`."""
    return f"{things(chosen['calls'], chosen['what'].removesuffix('s'))} of {chosen['wait']} ms"


def page_said(record: Record) -> str:
    """How long the calls of a page took in a row and gathered (medians); "" before any was made."""
    row, loop = record.column(IN_A_ROW), record.column(ON_A_LOOP)
    if not row.size or not loop.size:
        return ""
    took = f"{duration(np.median(row))} in a row, {duration(np.median(loop))} gathered"
    return f"{calls_text(record.parameters)}: {took}"


def finding(record: Record, pinned: Record | None) -> str | None:
    """How much sooner gathered calls are done; the same of the pinned run, or both kinds of clients, where these differ."""
    page, changed = page_said(record), only_change(record, pinned)
    if not page:
        return None
    if pinned is not None and changed == "clients":
        if said := _both_crowds(pinned, record):
            return said
    elif pinned is not None and changed and (other := page_said(pinned)):
        return f"{other}; {page}."
    row, loop = record.column(IN_A_ROW), record.column(ON_A_LOOP)
    if record.parameters["calls"] == 1:
        took = f"{duration(np.median(row))} made directly, {duration(np.median(loop))} on an event loop"
        return f"A single call has no other to overlap with: {took}."
    gain = paired_ratio(row, loop)
    ending = ", practically the same" if gain.verdict == EQUAL else ""
    if gain.verdict == CLEAR:
        ending = f", {number(gain.value, 3)} times as fast" if gain.value > 1 else ", which is slower"
    return f"{page}{ending}."


def _both_crowds(pinned: Record, record: Record) -> str:
    """The median reply to two numbers of clients; "" where one of them was not measured."""
    found = [medians(run, "ns") for run in (pinned, record)]
    if any(len(times) < len(KINDS) for times in found):
        return ""
    (before, after), clients = found, record.parameters["clients"]
    return (
        f"Median reply to {things(pinned.parameters['clients'], 'client')}: {duration(before[THREADS])} on threads, "
        f"{duration(before[LOOP])} on an event loop; to {count(clients)}: {duration(after[THREADS])}, {duration(after[LOOP])}."
    )


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    pool = f" over {POOL} connections" if chosen["what"] == DATABASE else ""
    ask = f"{count(chosen['clients'])} clients call at once" if chosen["clients"] > 1 else "1 client calls"
    return (
        f"A page makes {calls_text(chosen)}{pool}, in a row and gathered. Then {ask}, on threads and on an event loop."
    )
