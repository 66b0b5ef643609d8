"""How many requests can wait at once: X = min(N, W)/S, up to what the CPUs let through; and what a run says of its clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure import Frame, count, duration, number, percentile
from perflab.measure.guards import BadInput
from perflab.systems.clients.closed_clients import Answers, ClosedClients
from perflab.systems.http.connection import request_bytes
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.slow_backend import slow_backend
from perflab.systems.servers.web.web_server import (
    APACHE,
    MAX_CONNECTIONS,
    PREFORK,
    PROCESS_EACH,
    found,
    web_server,
)

PER_S, RESPONSE, CLIENT = "per_s", "response_ns", "client"
WITH_WORKERS = (PREFORK, APACHE)
CONNECTIONS, WAITS, WORKERS = (1, 3, 10, 30, 100, 300, 1_000), (10, 20, 50, 100), (5, 10, 20, 50)
NUMBERS = np.unique(np.concatenate([np.geomspace(1, CONNECTIONS[-1], 41), CONNECTIONS, WORKERS]))
WINDOW_S, ROUNDS = 0.2, 2
SETTLE_S, SETTLE_EACH_S, ADDED_S = 0.02, 0.2e-3, 0.5e-3
PROBE_MS, PROBE_S, PROBE_CONNECTIONS = 1, 0.15, 100
NEARLY = 0.8
"""The share of what the CPUs let through from which on they are what limits."""


def path(wait: float) -> bytes:
    """A request that waits so many milliseconds."""
    return request_bytes(f"/wait?ms={wait:g}")


def window(clients: ClosedClients, connections: int, wait: float) -> Answers:
    """The answers of a slice: a whole number of rounds, after one that is left out."""
    wait_s = wait / 1e3
    settle_s = 1.3 * wait_s + SETTLE_S + SETTLE_EACH_S * (len(clients.answered) or connections)
    round_s = wait_s + ADDED_S
    return clients.window(settle_s, max(ROUNDS, round(WINDOW_S / round_s)) * round_s, wait_s)


def check(architecture: str, connections: int) -> None:
    """Refuse more connections than this architecture may be given here."""
    most = MAX_CONNECTIONS[architecture]
    if connections > most:
        each = "each connection has a process of its own" if architecture == PROCESS_EACH else "each takes memory"
        raise BadInput(f"{architecture.capitalize()}: at most {most} connections here, because {each}; choose fewer.")


def calibrate() -> Iterator[Frame]:
    """Of each architecture: what one request takes in addition to its wait (ns), and how many requests per second keep the CPUs
    busy; those of server, backend and clients.
    """
    facts: dict[str, float] = {}
    with slow_backend() as backend:
        for architecture in found():
            yield Frame()
            many = min(PROBE_CONNECTIONS, MAX_CONNECTIONS[architecture])
            try:
                with web_server(architecture, workers=WORKERS[-1], backend_port=backend.port) as server:
                    with ClosedClients(server.port, path(WAITS[0]), 1) as one:
                        alone = window(one, 1, WAITS[0]).response_ns
                    with ClosedClients(server.port, path(PROBE_MS), many) as all_of_them:
                        per_s = all_of_them.window(PROBE_S, PROBE_S, 0).per_s
            except ServerFailed:
                continue  # its runs say so
            facts[added(architecture)] = max(0.0, float(np.median(alone)) - WAITS[0] * 1e6)
            facts[most(architecture)] = per_s
    yield Frame(facts=facts)


def added(architecture: str) -> str:
    """The name of the constant of what a request takes in addition to its wait (ns)."""
    return f"{architecture}: added_ns"


def most(architecture: str) -> str:
    """The name of the constant of the highest throughput."""
    return f"{architecture}: most_per_s"


@dataclass(frozen=True)
class Expected:
    """Over `NUMBERS` of connections: the throughput, that without any limit, and the CPUs' limit. Of the chosen number: the share
    of the clients that are served, the throughput, and the response time (ns).
    """

    per_s: NDArray[np.float64]
    unlimited: NDArray[np.float64]
    most_per_s: float
    served_share: float
    chosen_per_s: float
    response_ns: float


def predict(
    architecture: str, connections: int, wait: float, workers: int, constants: Mapping[str, Any]
) -> Expected:
    """Each request that is under way takes S; at most W are, where each process keeps its connection. An architecture that the
    calibration could not start has no numbers.
    """
    service_s = wait / 1e3 + constants.get(added(architecture), np.nan) / 1e9
    limit = constants.get(most(architecture), np.nan)
    slots = workers if architecture in WITH_WORKERS else np.inf
    here = np.where(NUMBERS <= MAX_CONNECTIONS[architecture], NUMBERS, np.nan)
    served = min(connections, slots)
    per_s = min(served / service_s, limit)
    return Expected(
        per_s=np.minimum(np.minimum(here, slots) / service_s, limit),
        unlimited=NUMBERS / service_s,
        most_per_s=limit,
        served_share=served / connections,
        chosen_per_s=per_s,
        response_ns=1e9 * served / per_s,
    )


def frame_of(clients: ClosedClients, found: Answers, waited_s: float) -> Frame:
    """What a slice brings."""
    return Frame(
        {PER_S: np.array([found.per_s]), RESPONSE: found.response_ns, CLIENT: found.client},
        {"calls": found.client.size, "failures": found.failures},
        {"answered": len(clients.answered), "connected": clients.connected, "waited_s": waited_s},
    )


def never(run: Record) -> int:
    """How many clients have had no answer."""
    return int(run.parameters["connections"] - run.fact("answered", 0))


def rate(run: Record) -> float:
    """Throughput, mean of the slices; NaN of none."""
    told = run.column(PER_S)[np.isfinite(run.column(PER_S))]
    return float(told.mean()) if told.size else np.nan


def response(run: Record, share: float) -> float:
    """A percentile of the responses (ns); NaN of none."""
    times = run.column(RESPONSE)
    return percentile(times, share) if times.size else np.nan


def of_clients(run: Record) -> NDArray[np.float64]:
    """The mean response (ns) of each client that has had an answer in a slice, in rising order."""
    clients = run.column(CLIENT).astype(int)
    if not clients.size:
        return np.empty(0)
    sums, times = np.bincount(clients, run.column(RESPONSE)), np.bincount(clients)
    return np.sort(sums[times > 0] / times[times > 0])


def p99_of_all(run: Record) -> str:
    """The p99 of the requests with those that were never answered, which took longer than the run."""
    times = run.column(RESPONSE)
    waited_ns = 1e9 * run.fact("waited_s", 0.0)
    found = percentile(np.concatenate([times, np.full(never(run), np.inf)]), 0.99) if times.size else np.nan
    return f"over {duration(waited_ns)}" if np.isinf(found) else duration(found)


def who(chosen: Mapping[str, Any]) -> str:
    """The server, in words."""
    name = chosen["architecture"]
    named = name[:1].upper() + name[1:] if name.islower() else name
    return f"{named}, {chosen['workers']} processes" if name in WITH_WORKERS else named


def littles(run: Record) -> float:
    """The mean response (ns) that the throughput tells, of the clients that were served: R = N/X."""
    return 1e9 * float(np.unique(run.column(CLIENT)).size) / rate(run)


def why(run: Record) -> str:
    """What limits it."""
    if never(run) and run.parameters["architecture"] in WITH_WORKERS:
        return (
            "Each process serves one connection until its client closes it (keep-alive), also while it waits; the other "
            "connections wait in the backlog."
        )
    if never(run) or rate(run) > NEARLY * run.constants.get(most(run.parameters["architecture"]), np.inf):
        return "The waits overlap, and now the CPUs are busy: with the server, the clients and the backend."
    return "All waits overlap."


def expected_said(run: Record) -> str:
    """What the model says of the throughput, and what was measured."""
    return f"{count(predict(**run.parameters, constants=run.constants).chosen_per_s)}; {count(rate(run))}"


ROWS = (
    ("clients with an answer; without", lambda run: f"{count(run.fact('answered', 0))}; {count(never(run))}"),
    ("requests/s", lambda run: count(rate(run))),
    ("p50, p99 of the answered requests", lambda run: f"{duration(response(run, 0.5))}, {duration(response(run, 0.99))}"),
    ("p99 with the unanswered requests", p99_of_all),
)
TRUST_ROWS = (
    ("requests/s: model; measured", expected_said),
    ("mean response, by Little's law N/X", lambda run: f"{duration(littles(run))}"),
    ("requests that failed", lambda run: count(run.count("failures"))),
    ("clients that could connect", lambda run: count(run.fact("connected", 0))),
    ("slices", lambda run: number(run.column(PER_S).size)),
)
