"""Which resource runs out first? Four limits of this machine, what one request needs of each, and the server itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from perflab.chapters import load
from perflab.chapters.load import Load
from perflab.chapters.raising_throughput.bottleneck_model import (
    CALM,
    CLIENTS,
    HALF,
    LOADS,
    MAX_PER_S,
    MOST,
    NEARLY,
    NEEDS,
    WINDOW_S,
    WORKERS,
    calibrate,
    expected_of,
    finding,
    limit_row,
    limits_said,
    most_per_s,
    offered_share,
    predict,
    responses,
    scenario,
    work_of,
)
from perflab.lab import Axis, Chart, Lab, Prediction, Record, count_ticks, duration_ticks, values_slider
from perflab.lab.marks import Line, Note, Rule, measured
from perflab.lab.palette import ALARM, INK, MODEL, MODEL_LINE, PINNED
from perflab.lab.prediction import Answer, Outcome
from perflab.lab.settle import nearest
from perflab.lab.verdict import ratio_in_turns, ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, percent, poisson
from perflab.systems.clients.worker_load import saturated, watch
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import worker_server

WINDOWS, CALM_S, RUN_S = 8, 0.9, 1.5


def experiment(cpu: float, memory: int, network: int, disk: int, seed: int) -> Iterator[Frame]:
    work = work_of(cpu, memory, network, disk)
    caveat = {"caveat": (durability_caveat() or "") if disk else ""}
    with worker_server(WORKERS) as server:
        # Handling an empty request is CPU time too: it says where on the chart this one lies.
        handling_ms = 1e3 / saturated(server.port, Work(), CLIENTS, WINDOW_S)
        saturated(server.port, work, 1, 0.0)  # the first request allocates memory and a file
        rates = []
        for _ in range(WINDOWS):
            rates.append(saturated(server.port, work, CLIENTS, WINDOW_S))
            yield Frame({MOST: np.array(rates[-1:])}, facts={**caveat, "handling_ms": handling_ms})
        most = float(np.median(rates))
        half, nearly = (offered_share(share, most) for share in (HALF, NEARLY))
        for frame in watch(server, lambda number: work, poisson(half * most, CALM_S, seed), CALM_S):
            yield Frame({CALM: frame.samples["latency_ns"]}, {"calls": frame.counts["calls"]}, {"calm_share": half})
        for frame in watch(server, lambda number: work, poisson(nearly * most, RUN_S, seed), RUN_S):
            yield Frame(frame.samples, frame.counts, {**frame.facts, "load_share": nearly})


def computing_limit(record: Record) -> float:
    """Requests per second of a thread that computes all the time; infinite where a request computes nothing."""
    cpu_ms = record.parameters["cpu"]
    return 1e3 / cpu_ms if cpu_ms else float("inf")


def on_the_roof(record: Record) -> tuple[float, float]:
    """Where a run lies: CPU that a request needs (ms), and the maximum throughput (per s)."""
    return record.parameters["cpu"] + record.fact("handling_ms", 0.0), most_per_s(record)


def limit(name: str, dashes: str) -> Line:
    return Line(name, model=lambda model: (NEEDS, model.limits[name]), color=PINNED, linestyle=dashes, linewidth=2)


MAX_NS = 2e9
TICKS = {need: f"{need:g}" for need in (0.1, 0.3, 1, 3, 10, 30)}
ARROW: dict[str, Any] = {"color": ALARM, "marker": "v", "markersize": 11, "linestyle": "none"}
CHARTS = (
    # A roofline (Williams, Waterman and Patterson 2009) over CPU time instead of operations per byte.
    Chart(
        "Four limits",
        Axis("CPU that a request needs (ms, log)", 0.08, 30, log=True, ticks=TICKS),
        Axis("requests/s", 10, 100_000, log=True, ticks=count_ticks),
        *(limit("CPU", "-"), limit("memory", "--"), limit("network", "-."), limit("disk", ":")),
        Line("the roof", model=lambda model: (NEEDS, model.roof), color=MODEL, linewidth=4, alpha=0.5),
        Line(model=lambda model: (model.here, 1.25 * np.interp(model.here, NEEDS, model.roof)), **ARROW),
        *measured(on_the_roof, among=("cpu",)),
        Note(0.03, 0.05, model=lambda model: f"smallest here: {model.smallest}", color=INK),
        empty="The limits of this machine will appear here.",
    ),
    Chart(
        "Response time",
        Axis("load (% of the maximum)", 0, 105),
        Axis("mean", 1e5, MAX_NS, log=True, ticks=duration_ticks),
        Rule("x", setting=lambda chosen: 100, color=PINNED, linestyle=":", linewidth=1.8),
        Line("model", model=lambda model: (LOADS, model.response_ns), **MODEL_LINE),
        *measured(responses),
        empty="The response times will appear here.",
    ),
)


def say(record: Record) -> str:
    """The bottleneck and the other limits, the maximum, and how long requests took at half of it and near it."""
    found, most, model = Load(record), most_per_s(record), expected_of(record)
    said = f"The server's maximum is {count(most)} requests/s"
    if model is not None:
        said = f"Smallest limit: {limits_said(model)}. {said}, {percent(most / model.most[model.smallest])} of that"
    said += "."
    (_, nearly), _ = shares, times = responses(record)
    means = [
        f"{duration(ns)} at {share:.0f}% of it" for share, ns in zip(shares, times, strict=True) if np.isfinite(ns)
    ]
    said += f" The mean response is {', '.join(means)}." if means else ""
    if nearly < 100 * NEARLY:
        said += f" Load is limited to {count(MAX_PER_S)} requests/s, so that the generator keeps up."
    if load.falls_behind(record, nearly / 100 * most, most, WORKERS):
        said += f" Saturated: {count(found.in_flight)} requests are still in flight, and the response time only grows."
    return said + load.failures_said(record) + load.lateness_said(record)


def compare(record: Record, pinned: Record) -> tuple[str, str] | None:
    compared = ratio_in_turns(record, pinned, MOST)
    return (f"The maximum is {ratio_text(compared)} that of the pinned run.", compared.verdict) if compared else None


def windows(record: Record) -> str:
    rates = record.column(MOST)
    return f"{count(most_per_s(record))}, {count(rates.min())}–{count(rates.max())}"


def what_a_larger_reply_does(small: Record, large: Record) -> Outcome | None:
    """The maximum with replies of 100 kB, as a share of that with 10 kB, of requests that compute for 10 ms."""
    found = ratio_in_turns(large, small, MOST)
    if found is None or not found.has_interval or nearest(SHARES, found.low) != nearest(SHARES, found.high):
        return None
    return Outcome(nearest(SHARES, found.value), f"with 100 kB the maximum is {ratio_text(found)} that with 10 kB")


SHARES = {"a tenth": 0.1, "half": 0.5, "nearly the same": 1.0}

PREDICTION = Prediction(
    question="A request computes for 10 ms and sends 10 kB. You let it send 100 kB. How much of its throughput is left?",
    choices={
        "a tenth": Answer(
            "That cannot be: only the network has ten times the work, and it was nearly idle, at 1 MB/s."
        ),
        "half": Answer(
            "Computing and sending both take time; but while one request is sent, the next one computes.",
            "Here, sending 100 kB keeps the CPU busy for about as long as computing does.",
        ),
        "nearly the same": Answer(
            "The network stays far below its limit; but sending needs CPU time too, and the CPU is the bottleneck.",
            "The CPU is the bottleneck, at 100 requests/s at most. For the network, 10 MB per second are little.",
        ),
    },
    runs=({"cpu": 10.0, "network": 10}, {"cpu": 10.0, "network": 100}),
    find=what_a_larger_reply_does,
)


def lab() -> Lab:
    return Lab(
        question="Which resource runs out first?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "cpu": values_slider((0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0), 2.0, unit="ms", label="CPU"),
            "memory": values_slider((0, 1, 2, 4, 8, 16, 32, 64), 0, unit="MB", label="memory copied"),
            "network": values_slider((0, 10, 30, 100, 300, 1_000), 10, unit="kB", label="reply size"),
            "disk": values_slider((0, 4, 16, 64, 256, 1_000, 4_000), 0, unit="kB", label="write and fsync"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(
            say, load.too_late, load.impossible(computing_limit, most_per_s), compare=compare, needs=MOST
        ),
        table=table_of(
            *map(limit_row, ("CPU", "memory", "network", "disk")),
            ("maximum requests/s, slowest–fastest window", windows),
            ("mean response at half of it; near it", lambda run: "; ".join(map(duration, responses(run)[1]))),
            *(load.P50, load.P99, load.IN_FLIGHT, load.FAILED),
            needs=MOST,
        ),
        finding=finding,
        scenario=scenario,
        trust=trust_of(*load.trust(WORKERS), needs=MOST),
        moments=load.moments(WORKERS),
        budget_s=WINDOWS * WINDOW_S + CALM_S + RUN_S + 1,
    )
