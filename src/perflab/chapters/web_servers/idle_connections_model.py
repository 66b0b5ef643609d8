"""What open connections on which nothing is asked should cost: a wait for a process where each keeps one, and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record, Verdict
from perflab.lab.verdict import INVALID
from perflab.measure import Frame, byte_size, count, duration, duration_range, number, percentile
from perflab.measure.guards import BadInput
from perflab.measure.memory import Memory, memory_of
from perflab.measure.units import DASH
from perflab.systems.clients.idle import IdleConnections, Told
from perflab.systems.http.connection import Connection
from perflab.systems.process.installed import NotStarted
from perflab.systems.servers.web.own import LOOP, PREFORK, PROCESS_EACH, THREADS
from perflab.systems.servers.web.web_server import (
    APACHE,
    ARCHITECTURES,
    MAX_CONNECTIONS,
    NGINX,
    NODE,
    WebServer,
    web_server,
    why_missing,
)
from perflab.theory import idle_connections as theory

RESPONSE, GIVEN_UP, IDLE = "response_ns", "given_up", "idle"
OWN, RSS, KIND, PROCESSES = "own_bytes", "rss_bytes", "memory_kind", "processes"
LIMIT_S = 3.0
"""When the request is given up."""
KEEP_ONE = (PREFORK, APACHE)
"""A fixed number of processes, each of which keeps to one connection."""
PROBES = {PROCESS_EACH: 10, THREADS: 100} | dict.fromkeys((LOOP, NODE, NGINX), 300)
FEW, MANY, ASKED, USUAL_S = 5, 20, 15, 75.0
WAITED = 0.5
"""A request that took more than this part of a time-out has waited for one."""
NUMBERS = np.unique(np.round(np.concatenate([np.arange(51), np.geomspace(50, 1_000, 100)])))


@contextmanager
def serving(architecture: str, idle: int, workers: int, keep_alive: float = USUAL_S) -> Iterator[WebServer]:
    """The server, where it may be given so many connections. The first requests pay for what it needs only once."""
    most = MAX_CONNECTIONS[architecture]
    if idle > most:
        said = f"idle: {count(idle)} connections asked for, and {architecture} gets at most {most} here"
        raise BadInput(f"{said}: each is a process with memory of its own.")
    with web_server(architecture, workers=workers, keep_alive_s=keep_alive) as server:
        with closing(Connection(server.port)) as connection:
            connection.get()
        yield server


def held_of(architecture: str, idle: Any, workers: int) -> Any:
    """How many of so many connections the server accepts at a time; the others wait."""
    return np.minimum(idle, workers) if architecture in KEEP_ONE else idle


def memory_frame(memory: Memory) -> Frame:
    """What the memory of the server's processes brings."""
    facts: dict[str, int | str] = {KIND: memory.kind, PROCESSES: memory.processes}
    return Frame({OWN: np.array([memory.own]), RSS: np.array([memory.rss])}, facts=facts)


def frame_of(asked: Sequence[Told], held: int) -> Frame:
    """What a slice brings: each request beside which `held` connections were idle, and how many were idle beside each."""
    kept = [told for told in asked if told.idle >= held]
    samples = {RESPONSE: np.array([told.response_ns for told in kept]), IDLE: np.array([told.idle for told in asked])}
    return Frame(samples, {"calls": len(kept), GIVEN_UP: sum(not told.answered for told in kept)})


def calibrate(architecture: str) -> Iterator[Frame]:
    """The response of a request while nothing else is open, and what is in the server's memory."""
    facts: dict[str, float] = {}
    probes = PROBES.get(architecture, FEW)
    with suppress(NotStarted):  # its runs say so
        with serving(architecture, probes, FEW) as server:
            empty = memory_of(server.pids())
            with IdleConnections(server.port, probes, probes):
                full = memory_of(server.pids())
            facts[RESPONSE] = float(np.median([_one_more_ns(server) for _ in range(ASKED)]))
        larger = empty
        if architecture in KEEP_ONE:
            with serving(architecture, 0, MANY) as server:
                larger = memory_of(server.pids())
        for kind in ("own", "rss"):
            none, some, most = (getattr(each, kind) for each in (empty, full, larger))
            process = (most - none) / (MANY - FEW)
            facts[f"{kind} server"] = none - FEW * process
            facts[f"{kind} process"] = process
            facts[f"{kind} connection"] = (some - none) / probes
    yield Frame(facts={f"{architecture}: {what}": value for what, value in facts.items()})


def _one_more_ns(server: WebServer) -> int:
    """The response of one more request beside few idle connections, as in a run."""
    with IdleConnections(server.port, FEW - 1, FEW - 1) as connections:
        connections.ask_one_more(LIMIT_S)
        told = connections.wait(2 * LIMIT_S)
    return round(1e9 * LIMIT_S) if told is None else told.response_ns


@dataclass(frozen=True)
class Expected:
    """Of the chosen server: the response of one more request (ns) with `idle` connections, and against their number as stairs;
    bytes over `NUMBERS`, each page counted once, and the sum of RSS.
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
    """A request waits for a process only where each keeps to one connection. No numbers for a server that is not known (yet)."""

    def response(number: Any) -> NDArray[np.float64]:
        waits = theory.wait_for_a_process(number, workers, keep_alive) if architecture in KEEP_ONE else 0 * number
        return np.minimum(constant(RESPONSE) + 1e9 * waits, 1e9 * LIMIT_S)

    def constant(what: str) -> float:
        return float(constants.get(f"{architecture}: {what}", np.nan))

    def memory(kind: str) -> NDArray[np.float64]:
        server = constant(f"{kind} server") + (workers * constant(f"{kind} process") if architecture in KEEP_ONE else 0)
        taken = server + held_of(architecture, NUMBERS, workers) * constant(f"{kind} connection")
        return np.where(MAX_CONNECTIONS[architecture] >= NUMBERS, taken, np.nan)

    steps = np.arange(workers, MAX_CONNECTIONS[architecture], workers)
    at = np.sort(np.concatenate([[0.0, MAX_CONNECTIONS[architecture]], steps - 1e-3, steps]))
    return Expected(
        architecture, idle, float(response(np.array(idle))), (at, response(at)), memory("own"), memory("rss")
    )


NAMES = {PROCESS_EACH: "a process per connection", THREADS: "a thread per connection", LOOP: "an event loop"}


def named(chosen: Mapping[str, Any]) -> str:
    """The server as a noun, with its processes where their number is fixed."""
    architecture = str(chosen["architecture"])
    if architecture in KEEP_ONE:
        return f"{architecture} with {chosen['workers']} processes"
    return NAMES.get(architecture, architecture)


def response(run: Record) -> float:
    """Median response of one more request (ns); NaN before the first."""
    times = run.column(RESPONSE)
    return percentile(times, 0.5) if times.size else np.nan


def took(run: Record) -> str:
    """The same in words."""
    return f"over {LIMIT_S:g} s" if response(run) >= 1e9 * LIMIT_S else duration(response(run))


def has_waited(run: Record) -> bool:
    """Whether most of the requests took as long as one that waits for a time-out; False before the first."""
    return response(run) > WAITED * 1e9 * run.parameters["keep_alive"]


def expected_wait_s(chosen: Mapping[str, Any]) -> float:
    """What theory says one more request waits for a process."""
    if chosen["architecture"] not in KEEP_ONE:
        return 0.0
    return float(theory.wait_for_a_process(chosen["idle"], chosen["workers"], chosen["keep_alive"]))


WHY = {
    PROCESS_EACH: "Each connection has a process of its own, which is made when it is accepted.",
    THREADS: "Each connection has a thread of its own, which sleeps while nothing is asked.",
}
NO_PROCESS = "An event loop needs neither process nor thread for a connection: an idle one is an entry in a table."


def why(run: Record) -> str:
    """What makes it so quick or slow; where the run disagrees with theory, that it does."""
    chosen, wait_s = run.parameters, expected_wait_s(run.parameters)
    idle, workers, keep_alive = (chosen[name] for name in ("idle", "workers", "keep_alive"))
    if has_waited(run) != (wait_s > 0):
        in_theory = f"wait {wait_s:g} s for a process" if wait_s else "wait for no process"
        return f"In theory it should {in_theory}; here {'it did not' if wait_s else 'something else kept it'}."
    if chosen["architecture"] not in KEEP_ONE:
        return WHY.get(chosen["architecture"], NO_PROCESS)
    if not wait_s:
        return f"Of {count(workers)} processes {count(workers - idle)} had no connection, and one of these accepts the next."
    turns = f"{count(idle // workers)} times that" if idle >= 2 * workers else "that"
    said = f"Each of the {count(workers)} processes keeps to an idle connection for {keep_alive:g} s, and the request waits for"
    return f"{said} {turns}: {wait_s:g} s in theory."


def memory_said(run: Record) -> str:
    """The memory, counted both ways."""
    if not np.isfinite(own := bytes_of(run, OWN)):
        return "The system does not tell the server's memory."
    rss, processes = bytes_of(run, RSS), run.fact(PROCESSES, 1)
    where = f"in {count(processes)} processes" if processes > 1 else "in one process"
    return f"Memory: {byte_size(own)} ({run.fact(KIND, '')}) {where}; RSS added up says {number(rss / own)} times that."


def were_idle(run: Record) -> Verdict | None:
    """A guard: as many connections were idle as the server can hold, beside one request at least."""
    if run.column(RESPONSE).size:
        return None
    expected = held_of(*(run.parameters[name] for name in ("architecture", "idle", "workers")))
    said = f"At most {count(run.column(IDLE).max())} of {count(expected)} connections were open and idle"
    return Verdict(f"{said} when the request came. Choose fewer, or a longer time-out.", INVALID)


def bytes_of(run: Record, column: str) -> float:
    """The memory of a run's server, counted one way; NaN where it is not told."""
    return float(run.column(column)[0]) if run.column(column).size else np.nan


def _theory_said(run: Record) -> str:
    wait_s = expected_wait_s(run.parameters)
    return f"{wait_s:g} s" if wait_s <= LIMIT_S else f"{wait_s:g} s; given up after {LIMIT_S:g} s"


ROWS = (
    ("one more request, median", lambda run: duration(response(run))),
    ("shortest to longest", lambda run: duration_range(run.column(RESPONSE).min(), run.column(RESPONSE).max())),
    ("wait for a process by theory, ⌊idle / processes⌋ · time-out", _theory_said),
    ("memory, each page counted once", lambda run: byte_size(bytes_of(run, OWN))),
    ("memory, RSS of all processes added up", lambda run: byte_size(bytes_of(run, RSS))),
)
TRUST_ROWS = (
    ("requests; given up", lambda run: f"{count(run.column(RESPONSE).size)}; {count(run.count(GIVEN_UP))}"),
    ("left out: one closed too soon", lambda run: count(run.column(IDLE).size - run.column(RESPONSE).size)),
    ("processes; how memory is counted", lambda run: f"{count(run.fact(PROCESSES, 0))}; {run.fact(KIND, DASH)}"),
    ("not measured here", lambda _: " ".join(filter(None, map(why_missing, ARCHITECTURES))) or "nothing"),
)
