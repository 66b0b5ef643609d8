"""What calls and many clients should take on this machine: waits that overlap or take turns, and CPU time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic, perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
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
