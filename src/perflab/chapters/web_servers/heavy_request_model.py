"""What one heavy request should make the light ones wait for: all of it, a switch of threads, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure import Frame, count, duration, percent
from perflab.measure.frame import merge
from perflab.measure.percentiles import percentile
from perflab.measure.units import DASH
from perflab.systems.clients.heavy_among_light import CYCLE_S, LEAD_S, cycles, schedule
from perflab.systems.http.connection import Connection, request_bytes
from perflab.systems.servers.web.web_server import (
    APACHE,
    ARCHITECTURES,
    LOOP,
    NGINX,
    NODE,
    PREFORK,
    PROCESS_EACH,
    THREADS,
    YOURS,
    found,
    web_server,
    why_missing,
)
from perflab.theory import head_of_line

LATENCY, SINCE, WAITED, HEAVY = "latency_ns", "since_ns", "waited", "heavy_ns"
CYCLE_NS = CYCLE_S * 1e9
BLOCKED = (LOOP, NODE)
"""One thread of theirs does everything."""
SHARES = {"p50": 0.5, "p99": 0.99, "slowest": 1.0}
HARDLY = 0.02
"""Of the light requests: so many may have waited by chance, as each reply takes its time."""
FEWEST_CYCLES, ALL_NS = 2, 120e6
PROBED_CYCLES, PROBED_PER_S, TRIPS = 2, 100, 50
Floats = NDArray[np.floating]


def calibrate() -> Iterator[Frame]:
    """A light request to an idle event loop: its response, and what it keeps the loop busy for: at most its quickest trip."""
    with web_server(LOOP) as server:
        alone = merge(islice(cycles(server, 0, PROBED_PER_S, 1), PROBED_CYCLES)).samples[LATENCY]
        with closing(Connection(server.port)) as connection:
            trips_ns = []
            for _ in range(TRIPS):
                begun_ns = perf_counter_ns()
                connection.ask(request_bytes("/"))
                trips_ns.append(perf_counter_ns() - begun_ns)
    yield Frame(facts={"light_ns": float(np.median(np.asarray(alone, float))), "busy_ns": float(min(trips_ns))})


@dataclass(frozen=True)
class Expected:
    """Of one cycle of the chosen architecture: when light requests are due after the last piece, and their responses (ns); and of
    each architecture its p50, its p99 and its slowest. `waits` is the share that waits for the heavy one, `mean_ns` their wait,
    over all light requests.
    """

    since_ns: Floats
    response_ns: Floats
    rows: Mapping[str, Mapping[str, float]]
    waits: float
    mean_ns: float


def predict(architecture: str, heavy: int, rate: int, pieces: int, constants: Mapping[str, Any]) -> Expected:
    """An event loop serves one request at a time; a thread waits for a switch interval until it gets the interpreter; processes
    wait for nothing, where there is a CPU or the system shares it out.
    """
    light_ns, busy = constants["light_ns"], rate * constants["busy_ns"] / 1e9
    times_ns, _ = schedule(rate, 0.5, 0)
    long_ns, every_ns = heavy * 1e6 / pieces, CYCLE_NS / pieces
    # The line has corners where the heavy one comes, and where nothing waits for it any more.
    corners = np.array([-1e3, 0.0, long_ns, long_ns / (1 - busy)])
    since_ns = np.sort(np.append((times_ns - LEAD_S * 1e9) / pieces, corners))
    is_blocked = architecture in BLOCKED
    return Expected(
        since_ns=since_ns,
        response_ns=light_ns + wait_ns(architecture, since_ns, long_ns, busy),
        rows={
            each: {
                name: light_ns + wait_percentile(each, share, long_ns, every_ns, busy) for name, share in SHARES.items()
            }
            for each in (*ARCHITECTURES, YOURS)
        },
        waits=head_of_line.delayed_share(long_ns, every_ns, busy) if is_blocked else 0.0,
        mean_ns=mean_wait_of(architecture, long_ns, every_ns, busy),
    )


def wait_ns(architecture: str, since_ns: Floats, long_ns: float, busy: float) -> Any:
    """How long a light request waits that is due so long after the heavy one."""
    if architecture in BLOCKED:
        return head_of_line.wait(since_ns, long_ns, busy)
    interval_ns = switch_ns() if architecture == THREADS else 0.0
    return np.where((since_ns >= 0) & (since_ns < long_ns), interval_ns, 0.0)


def mean_wait_of(architecture: str, long_ns: float, every_ns: float, busy: float) -> float:
    """The mean of these waits (ns), over a cycle."""
    if architecture in BLOCKED:
        return head_of_line.mean_wait(long_ns, every_ns, busy)
    return switch_ns() * long_ns / every_ns if architecture == THREADS else 0.0


def wait_percentile(architecture: str, share: float, long_ns: float, every_ns: float, busy: float) -> float:
    """A percentile of these waits (ns), over a cycle."""
    if architecture in BLOCKED:
        return head_of_line.wait_percentile(share, long_ns, every_ns, busy)
    if architecture != THREADS:
        return 0.0
    return switch_ns() if share > 1 - long_ns / every_ns else 0.0


def switch_ns() -> float:
    """How long a thread of Python that computes keeps the interpreter from the others."""
    return sys.getswitchinterval() * 1e9


def of(run: Record, share: float) -> float:
    """A percentile of the light requests' response times (ns); NaN without any."""
    times = run.column(LATENCY)
    return percentile(times, share) if times.size else np.nan


def waited(run: Record) -> float:
    """Share of the light requests that waited for the heavy one; NaN without any."""
    each = run.column(WAITED)
    return float(each.mean()) if each.size else np.nan


def replayed(run: Record) -> str:
    """Mean wait of the light requests if they had waited for nothing but the heavy ones, as long as these really took; and as
    measured.
    """
    if not run.column(HEAVY).size or run.parameters["architecture"] not in BLOCKED:
        return DASH
    busy = run.parameters["rate"] * run.constants.get("busy_ns", 0.0) / 1e9
    cycles_ns = zip(run.slices(SINCE), run.slices(HEAVY), strict=False)
    waits = [head_of_line.wait(since, heavy.mean(), busy).mean() for since, heavy in cycles_ns if heavy.size]
    return f"{duration(float(np.mean(waits)))}; {duration(mean_wait_ns(run))}"


def mean_wait_ns(run: Record) -> float:
    """What the light requests took beyond a quick reply, on average."""
    times = run.column(LATENCY)
    return float(times.mean()) - percentile(times, 0.05)


def why(architecture: str) -> str:
    """What happens in this architecture."""
    return {
        PROCESS_EACH: "Each connection has a process of its own: the system shares the CPUs out among them.",
        PREFORK: "One process computes, the others serve meanwhile: the system shares the CPUs out among them.",
        THREADS: "The thread that computes gives the interpreter (GIL) away only when another one has waited for "
        f"{duration(switch_ns())}; where several wait, they take turns.",
        LOOP: "One thread does everything, one request after the other: it cannot answer while it computes.",
        NODE: "JavaScript runs on one thread, one request after the other: it cannot answer while it computes.",
        APACHE: "One of its processes computes, the others serve meanwhile: the system shares the CPUs out among them.",
        NGINX: "Its event loops compute nothing: they pass the heavy request on to 2 Python processes behind it.",
        YOURS: "It is one event loop: what your handler computes on it, all others wait for.",
    }[architecture]


def missing_said() -> str:
    """What is not measured here, and how it would be."""
    return " ".join(said for each in ARCHITECTURES if (said := why_missing(each))) or "none"


def lost_said(run: Record) -> str:
    """Requests without a reply: those that failed, and those that found no free connection."""
    return f"{count(run.count('failures'))}; {count(run.count('not_sent'))}"


def waited_said(run: Record) -> str:
    """The share of the light requests that waited: measured, and by the model."""
    return f"{percent(waited(run))}; {_expected(run, 'waits', percent)}" if run.column(HEAVY).size else DASH


def mean_said(run: Record) -> str:
    """Their mean wait: measured, and by the model."""
    return f"{duration(mean_wait_ns(run))}; {_expected(run, 'mean_ns', duration)}" if run.column(HEAVY).size else DASH


def _expected(run: Record, what: str, text: Callable[[float], str]) -> str:
    return text(getattr(predict(**run.parameters, constants=run.constants), what)) if run.constants else DASH


def piece_said(chosen: Mapping[str, Any]) -> str:
    """For what a light request may wait."""
    return "a heavy request" if chosen["pieces"] == 1 else "a piece of a heavy request"


def heavy_said(run: Record) -> str:
    """How long the heavy requests themselves took."""
    took = run.column(HEAVY)
    return duration(float(np.median(took))) if took.size else DASH


def cycles_said(run: Record) -> str:
    """How many there were."""
    return f"{count(len(run.sizes.get(LATENCY, ())))}; {count(run.calls)}"


def architectures() -> tuple[str, ...]:
    """Those that can be started here."""
    return found()


def _percentile_row(name: str, share: float) -> tuple[str, Callable[[Record], str]]:
    return f"response time, {name}", lambda run: duration(of(run, share))


ROWS = (
    *(_percentile_row(name, share) for name, share in SHARES.items()),
    ("waited for the heavy request: measured; model", waited_said),
    ("mean wait of all: measured; model", mean_said),
    ("the heavy request itself (a piece), median", heavy_said),
)
TRUST_ROWS = (
    ("cycles; light requests", cycles_said),
    ("mean wait, replayed with the heavy requests as they were; measured", replayed),
    ("failed; found no free connection", lost_said),
    ("not measured here", lambda _: missing_said()),
)
