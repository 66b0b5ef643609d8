"""What calls and crowds of clients should take on this machine: waits that pass together or in turns, and CPU time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic, perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
"""What a call asks the server for: to wait, or to hold one of its database connections meanwhile."""
POOL = 4
KINDS = (THREADS, LOOP)
NUMBERS = np.unique(np.round(np.logspace(0, 3, 31))).astype(int)
SLICE_S = 0.2
TRIED_CLIENTS, TRIED_MS = 200, 5
SPARE = 8
"""Connections of the server that neither callers nor the crowd need."""


def path_of(what: str, milliseconds: int) -> str:
    """Where such a call goes to."""
    return f"/work?{STAGES[what]}={milliseconds}"


def server() -> AbstractContextManager[ChildServer]:
    """An event loop with a worker for everybody, so that what waits here never waits for a worker; a pool behind it."""
    return worker_server(machine_limits().connections - SPARE, connections=POOL, kind=LOOP)


def rounds(ways: Mapping[str, Any], path: str, order: np.random.Generator) -> Frame:
    """Every way once in each round, in another order each time; ns of each."""
    times: dict[str, list[int]] = {name: [] for name in ways}
    ends = monotonic() + SLICE_S
    while monotonic() < ends or not times[IN_A_ROW]:
        for name in order.permutation(list(ways)).tolist():
            began = perf_counter_ns()
            ways[name](path)
            times[name].append(perf_counter_ns() - began)
    return Frame({name: np.array(column, float) for name, column in times.items()}, {"calls": len(times[IN_A_ROW])})


def calibrate() -> Iterator[Frame]:
    """Costs on this machine: of a call beside its waiting, and of one client among many, on threads and on a loop."""
    facts: dict[str, float] = {}
    with server() as running:
        with callers(running.port, 1) as made:
            for what in STAGES:
                trips = rounds(made.ways, path_of(what, 1), np.random.default_rng(0)).samples
                facts[what] = float(np.median(trips[IN_A_ROW].astype(float))) - 1e6
        for kind in KINDS:
            with crowd(kind, running.port, TRIED_CLIENTS, TRIED_MS) as people:
                people.ask("connect")
                last_ns = max(people.ask("call")["reply_ns"])
            waited_ns = float(turns(kind, TRIED_CLIENTS)) * TRIED_MS * 1e6
            facts[f"{kind}_ns"] = max(0.0, last_ns - waited_ns) / TRIED_CLIENTS
    yield Frame(facts=facts)


def turns(kind: str, clients: Any) -> Any:
    """How often as many clients as there are threads must wait, one turn after the other; on a loop all wait at once."""
    return np.ceil(clients / machine_limits().threads) if kind == THREADS else np.ones_like(clients)


@dataclass(frozen=True)
class Expected:
    """`calls`: from no overhead to a whole call's for each (ns). `response_ns` of each kind over `NUMBERS`."""

    calls: Mapping[str, Estimate]
    response_ns: Mapping[str, NDArray[np.float64]]


def predict(what: str, calls: int, clients: int, wait: int, constants: Mapping[str, Any]) -> Expected:
    """In a row the waits add up, gathered they pass together; what remains is CPU time, which nothing makes pass together.

    Calls of a database pass together as far as its connections go; the others take the next turn.
    Half of a crowd is answered after half of the turns, and when half of the work for the whole crowd is done.
    """
    wait_ns, call_ns = wait * 1e6, constants[what]
    together_ns = wait_ns * (np.ceil(calls / POOL) if what == DATABASE else 1)
    rows = {IN_A_ROW: Estimate(np.nan, calls * wait_ns, calls * (wait_ns + call_ns))}
    rows |= {way: Estimate(np.nan, together_ns, together_ns + calls * call_ns) for way in (ON_THREADS, ON_A_LOOP)}
    crowds = {kind: turns(kind, NUMBERS / 2) * wait_ns + constants[f"{kind}_ns"] * NUMBERS / 2 for kind in KINDS}
    return Expected(rows, crowds)
