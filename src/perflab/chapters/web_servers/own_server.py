"""How does a server of yours respond? The open loop of the labs, on a port of this machine and for a path that you name."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from reprlib import repr as in_short
from time import sleep
from typing import Any

import numpy as np

from perflab.chapters import load as loads
from perflab.chapters.judging import OPEN
from perflab.lab import Axis, Chart, Lab, Record, duration_ticks, log_slider
from perflab.lab.axes import count_ticks
from perflab.lab.marks import Line, before
from perflab.lab.palette import ALARM, MEASURED, PINNED_POINTS
from perflab.lab.verdict import percentile_of, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, percent, percentile, poisson
from perflab.measure.guards import BadInput, check_number
from perflab.measure.percentiles import samples_needed
from perflab.systems.clients.new_connections import HERE, NEVER, NewConnections
from perflab.systems.http.connection import request_bytes

WINDOWS, WINDOW_S, LIMIT_S, SLICE_S = 3, 1.0, 2.0, 0.1
"""Requests arrive for a second; their replies are waited for before the next second begins, for so long at most."""
CONNECT_S = 2.0
PATH, SHOWN = re.compile(r"/[!-~]*"), 40
"""A path in ASCII, as a request has it; so much of it is shown."""
LATENCY, DUE, OVERDUE = "latency_ns", "due_s", "overdue"
SATURATED = 0.2
"""Of the requests: so many that still wait when the arrivals end are a queue that grows."""


def experiment(rate: int, seed: int, port: int, path: str) -> Iterator[Frame]:
    check_that_it_listens(port)
    for window in range(WINDOWS):
        with NewConnections(port, request_bytes(path), poisson(rate, WINDOW_S, seed + window)) as clients:
            while (now_s := clients.now_ns() / 1e9) < WINDOW_S or not (
                clients.ended().all() or now_s > WINDOW_S + LIMIT_S
            ):
                yield Frame()
                sleep(SLICE_S)
            yield frame_of(clients)


def check_that_it_listens(port: int) -> None:
    """Raises `BadInput` where nothing accepts a connection."""
    try:
        socket.create_connection((HERE, port), CONNECT_S).close()
    except OSError:
        raise BadInput(
            f"Nothing listens on port {port} of this machine ({HERE}). Start your server there first."
        ) from None


def check_path(path: Any) -> str:
    """The path that is asked for; raises `BadInput` for what a request cannot hold."""
    if isinstance(path, str) and PATH.fullmatch(path):
        return path
    raise BadInput(f"path must begin with / and have no spaces, such as /search?q=car; got {in_short(path)}.")


def frame_of(clients: NewConnections) -> Frame:
    """What became of the requests of a window; one without a reply counts as what it has waited."""
    due, answered, refused = clients.schedule, clients.answered, clients.refused
    ended = np.where(answered == NEVER, clients.now_ns(), answered)
    counts = {
        "calls": int((answered != NEVER).sum()),
        "failures": int(refused.sum()),
        "timeouts": int((~refused & (answered == NEVER)).sum()),
        OVERDUE: int((ended > WINDOW_S * 1e9).sum()),
    }
    samples = {DUE: due / 1e9, LATENCY: ended - due, "lateness_ns": clients.sent - due}
    return Frame({name: values[~refused] for name, values in samples.items()}, counts)


def at(share: float) -> Callable[[Record], tuple[float, float]]:
    """A percentile of the responses (ns) at the rate of the run."""

    def point(run: Record) -> tuple[float, float]:
        times = run.column(LATENCY)
        return run.parameters["rate"], percentile(times, share) if times.size else np.nan

    return point


def points(run: Record) -> tuple[Any, Any]:
    """When each request was due in its second, and its response."""
    return run.column(DUE), run.column(LATENCY)


TIMES = Axis("response time (×10 a step)", 1e5, 1e10, log=True, ticks=duration_ticks)
DOTS: dict[str, Any] = {"color": MEASURED, "marker": "o", "linestyle": "none"}
TAIL: dict[str, Any] = {"color": ALARM, "marker": "^", "linestyle": "none"}
CHARTS = (
    Chart(
        "Each request",
        Axis("moment at which it was due (s)", 0, WINDOW_S),
        TIMES,
        Line("pinned run", pinned=points, **{**PINNED_POINTS, "markersize": 4, "markeredgewidth": 1}),
        Line("measured", run=points, **DOTS, markersize=4),
        empty="Each request will appear here.",
    ),
    Chart(
        "Response time against the rate",
        Axis("requests per second (×10 a step)", 4, 600, log=True, ticks=count_ticks),
        TIMES,
        Line(runs=before(at(0.5), ("rate",)), **DOTS, markersize=5, alpha=0.6),
        Line(runs=before(at(0.99), ("rate",)), **TAIL, markersize=5, alpha=0.6),
        Line("pinned p99", pinned=at(0.99), **PINNED_POINTS),
        Line("p50", run=at(0.5), **DOTS, markersize=9),
        Line("p99", run=at(0.99), **TAIL, markersize=9),
        empty="The percentiles will appear here.",
    ),
)


def is_saturated(record: Record) -> bool:
    """Whether too many requests were still waiting when the arrivals ended."""
    return record.count(OVERDUE) > SATURATED * record.column(LATENCY).size


def say(record: Record) -> str:
    """The percentiles; or that there are none in the long run."""
    number = record.column(LATENCY).size
    if is_saturated(record):
        late = percent(record.count(OVERDUE) / number)
        return (
            f"Saturated: {late} of {count(number)} requests still waited when their second of arrivals was over."
            + rest(record)
        )
    p50, p99 = (duration(at(share)(record)[1]) for share in (0.5, 0.99))
    tail = f"p99 {p99}" if number >= (needed := samples_needed(0.99)) else f"a p99 needs {count(needed)} of them"
    return f"{count(number)} requests, {count(record.parameters['rate'])} per second: p50 {p50}, {tail}.{rest(record)}"


def rest(record: Record) -> str:
    """What did not succeed, and what was sent late."""
    lost = record.count("timeouts")
    said = f" {count(lost)} had no reply within {LIMIT_S:g} s." if lost else ""
    return said + loads.failures_said(record) + loads.lateness_said(record)


def finding(record: Record, pinned: Record | None) -> str:
    """The headline."""
    rate = f"At {count(record.parameters['rate'])} requests/s"
    if is_saturated(record):
        return f"{rate} your server is saturated: the response time grows as long as requests arrive."
    half, tail = (duration(at(share)(record)[1]) for share in (0.5, 0.99))
    few = record.column(LATENCY).size < samples_needed(0.99)
    return f"{rate} half of the requests take over {half}{'.' if few else f', 1 in 100 over {tail}.'}"


def scenario(path: str, chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    shown = path if len(path) <= SHOWN else f"{path[:SHOWN]}…"
    said = f"{count(chosen['rate'])} requests for {shown} per second arrive at random"
    return f"{said}, each on a new connection: {WINDOWS} times for one second."


def succeeded_said(record: Record) -> str:
    """What became of the requests."""
    return "; ".join(count(record.count(name)) for name in ("calls", "failures", "timeouts"))


def lab_on(port: int | None = None, path: str = "/") -> Lab | None:
    """The lab for this path of the server that listens on this port of 127.0.0.1; without a port, print what to do."""
    if port is None:
        print(f"{OPEN}Start a server of yours on this machine, and write the number of its port, such as 8000.")
        return None
    try:
        named = int(check_number("port", port, 1, 65_535, whole=True))
        asked = check_path(path)
        check_that_it_listens(named)
    except BadInput as error:
        print(f"Not yet: {error}")
        return None
    return Lab(
        question="How does your server respond?",
        experiment=experiment,
        controls={"rate": log_slider(5, 500, 20, unit="requests/s", label="requests")},
        charts=CHARTS,
        policy={"port": named, "path": asked},
        verdict=verdict_of(say, loads.too_late, compare=percentile_of(), empty="No request was answered."),
        table=table_of(
            *(loads.MEAN, loads.P50, loads.P99),
            ("succeeded; failed; no reply", succeeded_said),
            heading="this run",
        ),
        trust=trust_of(loads.LATENESS),
        finding=finding,
        scenario=partial(scenario, asked),
        budget_s=WINDOWS * (WINDOW_S + 2 * SLICE_S),
    )
