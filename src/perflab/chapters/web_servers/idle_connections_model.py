"""What open connections on which nothing is asked should cost: a wait for a process where each keeps one, and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record, Verdict
from perflab.lab.verdict import INVALID
from perflab.measure import Frame, byte_size, count, duration, duration_range, number
from perflab.measure.guards import BadInput
from perflab.measure.memory import Memory, memory_of
from perflab.measure.units import DASH
from perflab.systems.clients.idle import IdleConnections, OneMore, Told
from perflab.systems.servers.web.web_server import (
    APACHE,
    ARCHITECTURES,
    LOOP,
    MAX_CONNECTIONS,
    NGINX,
    NODE,
    PREFORK,
    PROCESS_EACH,
    THREADS,
    WebServer,
    found,
    web_server,
    why_missing,
)
from perflab.theory import idle_connections as theory

RESPONSE, GIVEN_UP, HELD = "response_ns", "given_up", "held"
OWN, RSS, KIND, PROCESSES = "own_bytes", "rss_bytes", "memory_kind", "processes"
LIMIT_S = 3.0
"""When the request is given up."""
KEEP_ONE = (PREFORK, APACHE)
"""A fixed number of processes, each of which keeps to one connection."""
PROBES = {PROCESS_EACH: 10, THREADS: 100} | dict.fromkeys((LOOP, NODE, NGINX), 300)
FEW, MANY, ASKED = 5, 20, 15
NUMBERS = np.unique(np.concatenate([np.arange(51), np.round(np.geomspace(50, 1_000, 100)), ]))


@contextmanager
def serving(architecture: str, idle: int, workers: int, keep_alive: float) -> Iterator[WebServer]:
    """The server, where it may be given so many connections."""
    most = MAX_CONNECTIONS[architecture]
    if idle > most:
        raise BadInput(
            f"idle: {count(idle)} connections asked for, and {architecture} gets at most {most} here: each is a process "
            "with memory of its own."
        )
    with web_server(architecture, workers, keep_alive) as server:
        yield server


def most_held(architecture: str, workers: int) -> float:
    """How many connections the server holds at a time."""
    return workers if architecture in KEEP_ONE else np.inf


@contextmanager
def idle_connections(server: WebServer, idle: int, workers: int) -> Iterator[IdleConnections]:
    """So many connections that were asked on once, as far as the server accepts them; closed with the block."""
    held = int(min(idle, most_held(server.architecture, workers)))
    with IdleConnections(server.port, idle, held) as connections:
        yield connections


def memory_frame(memory: Memory) -> Frame:
    """What the memory of the server's processes brings."""
    samples = {OWN: np.array([memory.own]), RSS: np.array([memory.rss])}
    return Frame(samples, facts={KIND: memory.kind, PROCESSES: memory.processes})


def frame_of(asked: Sequence[tuple[Told, int]]) -> Frame:
    """What a slice brings: each request, and how many idle connections had their reply before it."""
    samples = {RESPONSE: np.array([told.response_ns for told, _ in asked]), HELD: np.array([held for _, held in asked])}
    return Frame(samples, {"calls": len(asked), GIVEN_UP: sum(not told.answered for told, _ in asked)})


def calibrate() -> Iterator[Frame]:
    """Of each architecture: the response of a request while nothing else is open, and what is in its memory."""
    for architecture in found():
        facts: dict[str, float] = {}

        def note(what: str, value: float, architecture: str = architecture, facts: dict[str, float] = facts) -> None:
            facts[f"{architecture}: {what}"] = value

        probes = PROBES.get(architecture, FEW)
        with web_server(architecture, FEW) as server, OneMore(server.port, LIMIT_S) as more:
            empty = memory_of(server.pids())
            with idle_connections(server, probes, FEW):
                full = memory_of(server.pids())
            note(RESPONSE, float(np.median([_asked(more) for _ in range(ASKED)])))
        larger = empty
        if architecture in KEEP_ONE:
            with web_server(architecture, MANY) as server:
                larger = memory_of(server.pids())
        for kind in ("own", "rss"):
            none, some, most = (getattr(each, kind) for each in (empty, full, larger))
            process = (most - none) / (MANY - FEW)
            note(f"{kind} server", none - FEW * process)
            note(f"{kind} process", process)
            note(f"{kind} connection", (some - none) / probes)
        yield Frame(facts=facts)


def _asked(more: OneMore) -> float:
    more.ask()
    told = more.wait(LIMIT_S + 1)
    return float("nan") if told is None else float(told.response_ns)


@dataclass(frozen=True)
class Expected:
    """Of the chosen server: the response of one more request (ns) with `idle` connections, and over all numbers of them as stairs;
    its memory (bytes) over `NUMBERS`, each page counted once, and the sum of RSS.
    """

    architecture: str
    idle: int
    response: float
    stairs: tuple[NDArray[np.float64], NDArray[np.float64]]
    own: NDArray[np.float64]
    rss: NDArray[np.float64]

    def own_at(self, idle: float) -> float:
        """Bytes with so many idle connections."""
        return float(np.interp(idle, NUMBERS, self.own))


def predict(architecture: str, idle: int, workers: int, keep_alive: float, constants: Mapping[str, Any]) -> Expected:
    """A request waits for a process only where each keeps to one connection."""

    def response(number: Any) -> NDArray[np.float64]:
        waits = theory.wait_for_a_process(number, workers, keep_alive) if architecture in KEEP_ONE else 0 * number
        return np.minimum(constant(RESPONSE) + 1e9 * waits, 1e9 * LIMIT_S)

    def constant(what: str) -> float:
        return float(constants[f"{architecture}: {what}"])

    def bytes_of(kind: str) -> NDArray[np.float64]:
        server = constant(f"{kind} server") + (workers * constant(f"{kind} process") if architecture in KEEP_ONE else 0)
        held = np.minimum(NUMBERS, most_held(architecture, workers))
        taken = server + held * constant(f"{kind} connection")
        return np.where(NUMBERS <= MAX_CONNECTIONS[architecture], taken, np.nan)

    steps = workers * np.arange(1, 1_000 // workers + 1)
    at = np.sort(np.concatenate([[0.0, 1_000.0], steps - 1e-3, steps]))
    at = at[at <= MAX_CONNECTIONS[architecture]]
    return Expected(
        architecture, idle, float(response(np.array(idle))), (at, response(at)), bytes_of("own"), bytes_of("rss")
    )


def server_said(chosen: Mapping[str, Any]) -> str:
    """The server, and how many processes it has where that is fixed."""
    architecture = str(chosen["architecture"])
    return f"{architecture} with {chosen['workers']} processes" if architecture in KEEP_ONE else architecture


def idle_said(chosen: Mapping[str, Any]) -> str:
    """The idle connections."""
    return f"{count(chosen['idle'])} idle connection{'' if chosen['idle'] == 1 else 's'}"


def expected_wait_s(chosen: Mapping[str, Any]) -> float:
    """What theory says one more request waits for a process."""
    if chosen["architecture"] not in KEEP_ONE:
        return 0.0
    return float(theory.wait_for_a_process(chosen["idle"], chosen["workers"], chosen["keep_alive"]))


def why(chosen: Mapping[str, Any]) -> str:
    """What makes it so quick or slow."""
    idle, workers, keep_alive = (chosen[name] for name in ("idle", "workers", "keep_alive"))
    if chosen["architecture"] == PROCESS_EACH:
        return "Each connection has a process of its own, which is made when it is accepted."
    if chosen["architecture"] == THREADS:
        return "Each connection has a thread of its own, which sleeps while nothing is asked."
    if chosen["architecture"] not in KEEP_ONE:
        return "An event loop keeps no process and no thread for a connection: an idle one is an entry in a table."
    if idle < workers:
        return f"{count(workers - idle)} of {count(workers)} processes have no connection and accept the next one."
    rounds, wait_s = idle // workers, expected_wait_s(chosen)
    turns = f"{count(rounds)} times the time-out" if rounds > 1 else "the time-out"
    return (
        f"Each of the {count(workers)} processes keeps to an idle connection for {keep_alive:g} s, and {turns} has to pass "
        f"before one is free: theory says {wait_s:g} s."
    )


def memory_said(run: Record) -> str:
    """The memory, counted both ways."""
    if not run.column(OWN).size or not np.isfinite(own := float(run.column(OWN)[0])):
        return "The system does not tell the server's memory."
    rss, processes = float(run.column(RSS)[0]), run.fact(PROCESSES, 1)
    said = f"The server has {byte_size(own)} of memory ({run.fact(KIND, '')})"
    return f"{said} in {count(processes)} process{'' if processes == 1 else 'es'}; RSS added up says {number(rss / own)} times that."


def all_were_held(run: Record) -> Verdict | None:
    """A guard: what should be idle had its reply before the request."""
    chosen = run.parameters
    expected = int(min(chosen["idle"], most_held(chosen["architecture"], chosen["workers"])))
    held = int(run.column(HELD).min(initial=expected))
    if held >= expected:
        return None
    said = f"Only {count(held)} of {count(expected)} connections had their reply in time, so the others were not idle."
    return Verdict(f"{said} Measure again, or choose fewer.", INVALID)


def _bytes(column: str) -> Callable[[Record], str]:
    return lambda run: byte_size(float(run.column(column)[0])) if run.column(column).size else DASH


def _theory_said(run: Record) -> str:
    wait_s = expected_wait_s(run.parameters)
    return f"{wait_s:g} s" if wait_s <= LIMIT_S else f"{wait_s:g} s; given up after {LIMIT_S:g} s"


ROWS = (
    ("one more request, median", lambda run: duration(float(np.median(run.column(RESPONSE))))),
    ("shortest to longest", lambda run: duration_range(run.column(RESPONSE).min(), run.column(RESPONSE).max())),
    ("wait for a process by theory, ⌊idle / processes⌋ · time-out", _theory_said),
    ("memory, each page counted once", _bytes(OWN)),
    ("memory, RSS of all processes added up", _bytes(RSS)),
)
TRUST_ROWS = (
    ("requests; given up", lambda run: f"{count(run.column(RESPONSE).size)}; {count(run.count(GIVEN_UP))}"),
    ("idle connections that had their reply before", lambda run: count(run.column(HELD).min())),
    ("processes; how memory is counted", lambda run: f"{count(run.fact(PROCESSES, 0))}; {run.fact(KIND, DASH)}"),
    ("not measured here", lambda _: " ".join(filter(None, map(why_missing, ARCHITECTURES))) or "nothing"),
)
