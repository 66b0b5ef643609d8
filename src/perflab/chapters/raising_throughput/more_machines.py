"""Do more servers help, and which one gets the next request? A load balancer in front of real server processes."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load
from perflab.chapters.load import Load
from perflab.chapters.raising_throughput.more_machines_model import (
    DIES,
    DIES_AT_S,
    KINDS,
    RUN_S,
    RUN_TO_TYPICAL,
    SERVICE_S,
    SLOW,
    SLOWNESS,
    finding,
    predict,
    scenario,
    slowness,
)
from perflab.lab import Axis, Chart, Lab, Prediction, Record, choice, duration_ticks, slider
from perflab.lab.marks import Bars, Here, Line, Rule, measured
from perflab.lab.palette import ALARM, CLOCK, MEASURED, MEASURED_LINE, MODEL, MODEL_LINE, PINNED_POINTS
from perflab.lab.prediction import Answer, Outcome
from perflab.lab.verdict import percentile_of, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, number, percentile, poisson, services, things
from perflab.systems.clients.balancer import balanced_load
from perflab.systems.clients.routing import ROUTES, Route

MAX_SERVERS, MAX_PER_S = 8, 400
EDGES_S = np.linspace(0, RUN_S, 21)


def experiment(
    servers: int, kind: str, routing: str, rate: int, seed: int, route: Route | None = None
) -> Iterator[Frame]:
    schedule = poisson(rate, RUN_S, seed)
    services_ms = services(1e3 * SERVICE_S, schedule.size, seed)
    dies_at_s = DIES_AT_S if kind == DIES else np.inf
    chosen = route or ROUTES[routing]
    yield from balanced_load(schedule, services_ms, slowness(servers, kind), chosen, RUN_S, seed, dies_at_s)


def by_server(record: Record) -> NDArray[np.float64]:
    """Throughput of each server, requests per second."""
    servers = len(slowness(**record.parameters))
    return np.bincount(record.column("server").astype(int), minlength=servers) / (record.fact("elapsed_s") or 1.0)


def numbered(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.arange(1, values.size + 1), values


def per_s(record: Record, column: str, zeros: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Moments (s) of a column, counted in pieces of the run so far: their middles, and the rate in each (unless it is 0)."""
    edges = EDGES_S[record.fact("elapsed_s", 0.0) + 1e-9 >= EDGES_S]
    middles, rates = (edges[1:] + edges[:-1]) / 2, np.histogram(record.column(column), edges)[0] / EDGES_S[1]
    shown = (rates > 0) | zeros
    return middles[shown], rates[shown]


RESPONSE, BEST = attrgetter("rates", "response_ns"), attrgetter("rates", "best_ns")
LEVELS: dict[str, Any] = {"color": MODEL, "marker": "_", "linestyle": "none", "markersize": 22, "markeredgewidth": 4}
CROSSES: dict[str, Any] = {"color": ALARM, "marker": "X", "linestyle": "none", "markersize": 9}
CHARTS = (
    Chart(
        "Response time against load",
        Axis("arrival rate (requests/s)", 0, MAX_PER_S),
        Axis("mean of served requests", 1e6, 5e9, log=True, ticks=duration_ticks),
        Line("one queue for all", model=BEST, color=CLOCK, linestyle="--", linewidth=2),
        Line("model", model=RESPONSE, **MODEL_LINE),
        Here("rate", RESPONSE),
        *measured(lambda run: (run.parameters["rate"], load.mean_response_ns(run)), among=("rate",)),
        columns=2,
    ),
    Chart(
        "Throughput of each server",
        Axis("server", 0.4, MAX_SERVERS + 0.6, ticks=range(1, MAX_SERVERS + 1)),
        Axis("requests per second", 0, 60, ends=(60, 100, 500), reach=lambda model: 1.3 * model.shares.max()),
        Bars(MAX_SERVERS, "measured", run=by_server, color=MEASURED),
        Line("model", model=lambda model: numbered(model.shares), **LEVELS),
        Line("pinned run", pinned=lambda run: numbered(by_server(run)), **PINNED_POINTS),
    ),
    Chart(
        "During the run",
        Axis("time since the start (s)", 0, RUN_S),
        Axis("requests per second", 0, 1.5 * MAX_PER_S),
        Rule("y", "offered", setting=lambda chosen: chosen["rate"], color=MODEL, linestyle=":", linewidth=2),
        Line("served", run=lambda run: per_s(run, "completed_s", zeros=True), **MEASURED_LINE),
        Line("failed", run=lambda run: per_s(run, "failed_s", zeros=False), **CROSSES),
        empty="What is served will appear here.",
    ),
)


def say(record: Record) -> str:
    """Throughput and response time, and what made them worse: a slow server, a dead one, too much load, a late generator."""
    found = Load(record)
    said = f"{count(found.throughput_per_s)} requests/s served of {count(found.offered_per_s)} that arrived; "
    said += f"mean response {duration(found.response.mean())}.{slow_server_said(record)}{losses_said(found)}"
    return f"{said}{saturation_said(found)}{load.lateness_said(record)}"


def slow_server_said(record: Record) -> str:
    times, at_slow = record.column("latency_ns"), record.column("server") == 0
    if slowness(**record.parameters)[0] <= 1 or not at_slow.any():
        return ""
    ratio = np.median(times[at_slow]) / np.median(times)
    return f" The median at the slow server is {ratio:.0f} times that of all requests." if ratio > 2 else ""


def losses_said(found: Load) -> str:
    alive, said = found.record.fact("alive"), load.failures_said(found.record)
    if found.failures and found.record.parameters["kind"] == DIES:
        said = f" {count(found.failures)} failed when a server died; {things(alive, 'server')} went on."
    if found.not_sent:
        why = "no server was left" if alive == 0 else "all connections of the generator were in use"
        said += f" {count(found.not_sent)} could not be sent: {why}."
    return said


def saturation_said(found: Load) -> str:
    record, chosen = found.record, found.record.parameters
    behind = load.falls_behind(record, chosen["rate"], capacity_per_s(**chosen), len(slowness(**chosen)))
    if not behind or not record.fact("alive", 0):
        return ""
    return f" Saturated: {count(found.in_flight)} requests are still in flight, and the response time only grows."


def capacity_per_s(kind: str, **servers: Any) -> float:
    """Requests per second that all servers can do which are alive at the end."""
    return sum(1 / (SERVICE_S * factor) for factor in slowness(kind=kind, **servers)[kind == DIES :])


def what_round_robin_does(record: Record) -> Outcome | None:
    """Whether requests to the slow server take longer than its slowness explains: they wait in a queue that grows."""
    at_slow, times = record.column("server") == 0, record.column("latency_ns")
    if record.fact("elapsed_s", 0.0) < 0.9 * RUN_S or min(at_slow.sum(), (~at_slow).sum()) < MIN_SAMPLES:
        return None
    slow_ns, usual_ns = (percentile(times[chosen], 0.5) for chosen in (at_slow, ~at_slow))
    low, high = (slow_ns / usual_ns / run for run in reversed(RUN_TO_TYPICAL))
    if low < SLOWNESS:
        return None
    told = f"median {duration(slow_ns)} at the slow server, {duration(usual_ns)} at the others"
    return Outcome(QUARTER, f"{told}: {number(slow_ns / usual_ns)} times as long ({number(low)}–{number(high)})")


QUARTER, MIN_SAMPLES = "a quarter of the requests gets slow", 6

PREDICTION = Prediction(
    question="Four servers can serve 162 requests/s; one is 4 times as slow. 100/s are sent round robin. What happens?",
    choices={
        "all requests are served in time": Answer(
            "That cannot be: servers are 62% busy on average, but the slow one gets 25/s, and can serve 12.5/s."
        ),
        "all requests get slower": Answer(
            "That cannot be: the other three are not affected. They get 25/s each, half of what they can serve."
        ),
        QUARTER: Answer(
            "", "The slow server gets 25/s and can serve 12.5/s: its queue grows, and only its requests wait."
        ),
    },
    runs=({"kind": SLOW},),
    find=what_round_robin_does,
)


def lab() -> Lab:
    return Lab(
        question="Do more servers help, and which one gets the next request?",
        experiment=experiment,
        predict=predict,
        controls={
            "servers": slider(1, MAX_SERVERS, 4, unit="servers"),
            "kind": choice(KINDS, label="kind of servers", menu=True),
            "routing": choice(tuple(ROUTES), "round robin", menu=True),
            "rate": slider(20, MAX_PER_S, 100, 20, unit="requests/s", label="arrival rate"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, load.too_late, compare=percentile_of(), empty="No request was answered."),
        table=table_of(
            ("requests/s served", lambda run: count(Load(run).throughput_per_s)),
            ("by each server", lambda run: "; ".join(map(count, by_server(run)))),
            *(load.MEAN, load.P50, load.P99, load.IN_FLIGHT, load.FAILED),
        ),
        finding=finding,
        scenario=scenario,
        trust=trust_of(load.replayed(), load.sent(), load.LATENESS),
        moments=load.moments(1, lambda run: len(slowness(**run.parameters))),
        budget_s=RUN_S + 1,
    )
