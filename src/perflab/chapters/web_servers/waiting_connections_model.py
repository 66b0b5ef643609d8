"""How many requests can wait at once: X = min(N, W)/S, up to what the CPUs let through; and what a run says of its clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure import Frame, count, duration, percentile
from perflab.systems.clients.closed_clients import Answers, ClosedClients
from perflab.systems.clients.cpu_limit import limit_per_s
from perflab.systems.http.connection import request_bytes
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.slow_backend import slow_backend
from perflab.systems.servers.web.own import LOOP, MAX_PROCESSES, PREFORK, PROCESS_EACH, THREADS
from perflab.systems.servers.web.web_server import (
    APACHE,
    ARCHITECTURES,
    NODE,
    WebServer,
    web_server,
    why_missing,
)

PER_S, RESPONSE, CLIENT = "per_s", "response_ns", "client"
CONNECTIONS, WAITS, WORKERS = (1, 3, 10, 30, 100, 300, 1_000), (10, 20, 50, 100), (5, 10, 20, 50)
APACHES = 150
"""Processes of Apache: 0.2 MB each; of ours, 3 MB each, a machine with 1 GB should not have so many."""
WITH_WORKERS, ONE_PROCESS = (PREFORK, APACHE), (THREADS, LOOP, NODE)
NUMBERS = np.unique([*np.geomspace(1, CONNECTIONS[-1], 41).round(2), *CONNECTIONS, *WORKERS, APACHES, MAX_PROCESSES])
WINDOW_S, ROUNDS = 0.2, 2
SETTLE_S, SETTLE_EACH_S, ADDED_S = 0.02, 0.2e-3, 0.5e-3
PROBE_MS, LONG_MS, PROBE_S, ALONE_S, PROBE_WORKERS, TO_COMPILE = 1, (10, 50), 0.2, 0.15, 10, 7
MAX_PROBED = {THREADS: 300}  # of more threads, now and then none gets on for a while
SLOWER = 1.3  # times the response of one connection alone: the requests wait for more than the backend


def path(wait: float) -> bytes:
    """A request that waits so many milliseconds."""
    return request_bytes(f"/wait?ms={wait:g}")


def window(clients: ClosedClients, wait: float) -> Answers:
    """The answers of a slice: a whole number of rounds, after one that is left out."""
    wait_s = wait / 1e3
    settle_s = 1.3 * wait_s + SETTLE_S + SETTLE_EACH_S * (len(clients.answered) or clients.number)
    round_s = wait_s + ADDED_S
    return clients.window(settle_s, max(ROUNDS, round(WINDOW_S / round_s)) * round_s, wait_s)


def warm_up(clients: ClosedClients, architecture: str, wait: float) -> None:
    """What is left out: connections to the backend are opened, and Node.js compiles what is called often."""
    for _ in range(3 if architecture == NODE else 1):
        window(clients, wait)


def calibrate(architecture: str) -> Iterator[Frame]:
    """What a request takes beyond its wait (ns), and the requests per second that the CPUs let through."""
    facts: dict[str, float] = {}
    number = int(min(MAX_PROBED.get(architecture, CONNECTIONS[-1]), slots(architecture, PROBE_WORKERS)))
    with (
        suppress(ServerFailed, psutil.Error),  # its runs say so
        slow_backend() as backend,
        web_server(architecture, workers=PROBE_WORKERS, backend_port=backend.port) as server,
    ):
        with ClosedClients(server.port, path(WAITS[0]), 1) as one:
            alone = one.window(SETTLE_S, ALONE_S, 0).response_ns
        if alone.size:  # the quarter, as a pause of this machine lengthens many of them at a time
            facts[added(architecture)] = max(0.0, percentile(alone, 0.25) - WAITS[0] * 1e6)
        left_out = TO_COMPILE if architecture == NODE else 1
        for wait in probe_waits(architecture):
            with ClosedClients(server.port, path(wait), number) as many:
                facts[most(architecture, wait)] = limit_of(many, wait, server, backend.pid, left_out)
            left_out = 1
    yield Frame(facts=facts)


def limit_of(clients: ClosedClients, wait: float, server: WebServer, backend: int, left_out: int) -> float:
    """How many requests per second the CPUs let through, after so many loads as in `warm_up`."""
    load = partial(clients.count_answers, PROBE_S, wait / 1e3)
    for _ in range(left_out):
        load()
    pids, is_one = server.pids(), server.architecture in ONE_PROCESS
    return limit_per_s(load, [backend, *pids] if is_one else [backend], [] if is_one else pids)


def added(architecture: str) -> str:
    """The name of the constant of what a request takes in addition to its wait (ns)."""
    return f"{architecture}: added_ns"


def most(architecture: str, wait: float) -> str:
    """The name of the constant of the highest throughput with such waits."""
    return f"{architecture}: most_per_s, {wait} ms"


def probe_waits(architecture: str) -> tuple[int, ...]:
    """With longer waits fewer requests are ready at a time, and each costs more. A limited number needs short ones."""
    return (PROBE_MS,) if np.isfinite(slots(architecture, 1)) else LONG_MS


def most_per_s(architecture: str, wait: float, constants: Mapping[str, Any]) -> float:
    """What the CPUs let through, between the waits that were probed."""
    waits = probe_waits(architecture)
    limits = [constants.get(most(architecture, each), np.inf) for each in waits]
    known = [limit if np.isfinite(limit) else min(limits) for limit in limits]
    return float(np.exp(np.interp(np.log(wait), np.log(waits), np.log(known)))) if np.isfinite(min(limits)) else np.inf


def slots(architecture: str, workers: int) -> float:
    """How many connections are served at a time."""
    if architecture == PROCESS_EACH:
        return MAX_PROCESSES
    return workers if architecture in WITH_WORKERS else np.inf


@dataclass(frozen=True)
class Expected:
    """Over `NUMBERS` of connections: the throughput, and that without any limit; and what the CPUs let through. Of the chosen
    number: the share of the clients that are served, their throughput, and their response time (ns).
    """

    curve: NDArray[np.float64]
    unlimited: NDArray[np.float64]
    most_per_s: float
    served_share: float
    per_s: float
    response_ns: float


def predict(architecture: str, connections: int, wait: float, workers: int, constants: Mapping[str, Any]) -> Expected:
    """X = min(N, W)/S, up to what the CPUs let through. No numbers of a server that is not known (yet)."""
    service_s = wait / 1e3 + constants.get(added(architecture), np.nan) / 1e9
    limit, at_once = most_per_s(architecture, wait, constants), slots(architecture, workers)
    served = min(connections, at_once)
    per_s = min(served / service_s, limit)
    curve = np.minimum(np.minimum(NUMBERS, at_once) / service_s, limit)
    return Expected(curve, NUMBERS / service_s, limit, served / connections, per_s, 1e9 * served / per_s)


def frame_of(clients: ClosedClients, found: Answers, asked_s: float) -> Frame:
    """What a slice brings; the clients began to ask `asked_s` ago."""
    return Frame(
        {PER_S: np.array([found.per_s]), RESPONSE: found.response_ns, CLIENT: found.client},
        {"calls": found.client.size, "failures": found.failures},
        {"answered": len(clients.answered), "connected": clients.connected, "asked_s": asked_s},
    )


def never(run: Record) -> int:
    """How many clients have had no answer."""
    return int(run.parameters["connections"] - run.fact("answered", 0))


def served_share(run: Record) -> float:
    """The share of the clients that have had an answer."""
    return float(run.parameters["connections"] - never(run)) / run.parameters["connections"]


def rate(run: Record) -> float:
    """Throughput, mean of the slices; NaN of none."""
    return float(run.column(PER_S).mean()) if run.column(PER_S).size else np.nan


def response(run: Record, share: float) -> float:
    """A percentile of the response times (ns); NaN of none."""
    times = run.column(RESPONSE)
    return percentile(times, share) if times.size else np.nan


def of_clients(run: Record) -> NDArray[np.float64]:
    """The mean response time (ns) of each client that has had an answer in a slice, in rising order."""
    clients = run.column(CLIENT).astype(int)
    number = np.bincount(clients)
    with np.errstate(invalid="ignore"):
        means = np.bincount(clients, run.column(RESPONSE)) / number
    return np.sort(means[number > 0])


def p99_of_all(run: Record) -> str:
    """The p99 of the answered requests and those that are still unanswered, which have taken as long as the run, or longer."""
    times, unanswered = run.column(RESPONSE), np.full(never(run), np.inf)
    found = percentile(np.concatenate([times, unanswered]), 0.99)
    return f"over {duration(1e9 * run.fact('asked_s', 0.0))}" if np.isinf(found) else duration(found)


def who(chosen: Mapping[str, Any]) -> str:
    """The server, in words."""
    name = chosen["architecture"]
    named = name.capitalize() if name.islower() and name != "nginx" else name
    return f"{named}, {chosen['workers']} processes" if name in WITH_WORKERS else named


def effect(run: Record) -> str:
    """Who is answered, and how fast, in a few words."""
    clients, left = run.parameters["connections"], never(run)
    answered = f"{count(clients - left)} of {count(clients)} clients" if left else f"all {count(clients)} clients"
    return f"{who(run.parameters)}: p99 {duration(response(run, 0.99))} for {answered if clients > 1 else 'one client'}"


def why(run: Record) -> str:
    """What limits it."""
    name = run.parameters["architecture"]
    if never(run) and name in (*WITH_WORKERS, PROCESS_EACH):
        more = f" This lab allows at most {MAX_PROCESSES} processes." if name == PROCESS_EACH else ""
        return (
            f"A process stays with its connection until the client closes it (keep-alive), also while it waits.{more}"
        )
    alone_ns = 1e6 * run.parameters["wait"] + run.constants.get(added(name), 0.0)
    accepted = " Not all connections have been accepted yet." if never(run) else ""
    if never(run) or response(run, 0.5) > SLOWER * alone_ns:
        return f"The requests wait for a CPU, too: server, clients and backend keep the CPUs busy.{accepted}"
    return "All waits overlap." if run.parameters["connections"] > 1 else ""


def expected_said(run: Record) -> str:
    """What the model says of the throughput, and what was measured."""
    return f"{count(predict(**run.parameters, constants=run.constants).per_s)}; {count(rate(run))}"


def littles_said(run: Record) -> str:
    """The mean response time that the throughput tells, R = N/X of the clients with an answer; and as measured."""
    times = run.column(RESPONSE)
    return f"{duration(1e9 * of_clients(run).size / rate(run))}; {duration(times.mean() if times.size else np.nan)}"


def missing_rows() -> list[tuple[str, Callable[[Record], str]]]:
    """Rows of the architectures that are not measured here, and why not."""
    return [(each, partial(lambda why, _: why, why)) for each in ARCHITECTURES if (why := why_missing(each))]


ROWS = (
    ("clients with an answer; without", lambda run: f"{count(run.fact('answered', 0))}; {count(never(run))}"),
    ("requests/s", lambda run: count(rate(run))),
    ("p50, p99 of answered requests", lambda run: f"{duration(response(run, 0.5))}, {duration(response(run, 0.99))}"),
    ("p99 if unanswered requests count", p99_of_all),
)
TRUST_ROWS = (
    ("requests/s: model; measured", expected_said),
    ("mean response time: N/X (Little's law); measured", littles_said),
    ("requests that failed", lambda run: count(run.count("failures"))),
    ("clients that could connect", lambda run: count(run.fact("connected", 0))),
)
