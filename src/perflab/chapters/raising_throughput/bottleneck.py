"""Which resource runs out first? Four limits of this machine, what one request needs of each, and the server itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from perflab.chapters import load
from perflab.chapters.load import Load
from perflab.chapters.raising_throughput.bottleneck_model import (
    LARGE,
    LOADS,
    MAX_PER_S,
    NEEDS,
    SMALL,
    Expected,
    offered_share,
    predict,
    work_of,
)
from perflab.lab import Axis, Chart, Lab, Prediction, Record, count_ticks, duration_ticks, slider, values_slider
from perflab.lab.marks import Line, Note, Rule, measured
from perflab.lab.palette import ALARM, INK, MODEL, MODEL_HERE, MODEL_LINE, PINNED
from perflab.lab.settle import nearest, two_runs
from perflab.lab.verdict import percentile_text, ratio_in_turns, ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, percent, poisson
from perflab.systems.clients.worker_load import saturated, watch
from perflab.systems.machine.resources import disk_s, memory_per_s
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import worker_server

WORKERS, CLIENTS = 4, 8
WINDOW_S, WINDOWS = 0.15, 8
RUN_S = 1.5
MOST = "most_per_s"


def experiment(cpu: float, memory: int, network: int, disk: int, load: int, seed: int) -> Iterator[Frame]:
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
        share = offered_share(load / 100, most)
        for frame in watch(server, lambda number: work, poisson(share * most, RUN_S, seed), RUN_S):
            yield Frame(frame.samples, frame.counts, {**frame.facts, "load_share": share})


def calibrate() -> Iterator[Frame]:
    """Four probes: CPU by empty requests, the network by large replies, copies of memory, writes to the disk."""
    with worker_server(WORKERS) as server:
        empty = max(saturated(server.port, Work(), CLIENTS, WINDOW_S) for _ in range(3))
        yield Frame(facts={"handling_ms": 1e3 / empty})
        sent = [size * saturated(server.port, Work(reply_bytes=size), CLIENTS, WINDOW_S) for size in (100_000, 300_000)]
        yield Frame(facts={"network_per_s": max(sent)})
    yield Frame(facts={"memory_per_s": memory_per_s(WORKERS)})
    yield Frame(facts={"small_write_s": disk_s(SMALL, WORKERS), "large_write_s": disk_s(LARGE, WORKERS)})


def most_per_s(record: Record) -> float:
    """Maximum throughput: the median of the windows; NaN before the first."""
    rates = record.column(MOST)
    return float(np.median(rates)) if rates.size else float("nan")


def computing_limit(record: Record) -> float:
    """Requests per second of a thread that computes all the time; infinite where a request computes nothing."""
    cpu_ms = record.parameters["cpu"]
    return 1e3 / cpu_ms if cpu_ms else float("inf")


def load_share(record: Record) -> float:
    """The load that was offered, as a share of the maximum: less than was chosen where the generator limits it."""
    return float(record.fact("load_share", record.parameters["load"] / 100))


def on_the_roof(record: Record) -> tuple[float, float]:
    """Where a run lies: CPU that a request needs (ms), and the maximum throughput (per s)."""
    return record.parameters["cpu"] + record.fact("handling_ms", 0.0), most_per_s(record)


def limit(name: str, dashes: str) -> Line:
    return Line(name, model=lambda model: (NEEDS, model.limits[name]), color=PINNED, linestyle=dashes, linewidth=2)


def expected(model: Expected) -> tuple[float, float]:
    """The load that is offered (%), and the response at it; at the upper edge of the chart for loads above the limit."""
    return model.load, float(np.interp(model.load, LOADS, model.response_ns, right=MAX_NS))


MAX_NS = 2e9
TICKS = {need: f"{need:g}" for need in (0.1, 0.3, 1, 3, 10, 30)}
ARROW: dict[str, Any] = {"color": ALARM, "marker": "v", "markersize": 11, "linestyle": "none"}
CHARTS = (
    # A roofline (Williams, Waterman and Patterson 2009) over CPU time instead of operations per byte.
    Chart(
        "Four limits",
        Axis("CPU that a request needs (ms, log)", 0.08, 30, log=True, ticks=TICKS),
        Axis("requests/s (log)", 10, 100_000, log=True, ticks=count_ticks),
        *(limit("CPU", "-"), limit("memory", "--"), limit("network", "-."), limit("disk", ":")),
        Line("the roof", model=lambda model: (NEEDS, model.roof), color=MODEL, linewidth=4, alpha=0.5),
        Line(model=lambda model: (model.here, 1.25 * np.interp(model.here, NEEDS, model.roof)), **ARROW),
        *measured(on_the_roof, among=("cpu", "load")),
        Note(0.03, 0.05, model=lambda model: f"smallest here: {model.smallest}", color=INK),
    ),
    Chart(
        "Response time",
        Axis("load (% of the maximum)", 0, 125),
        Axis("mean (log)", 1e5, MAX_NS, log=True, ticks=duration_ticks),
        Rule("x", setting=lambda chosen: 100, color=PINNED, linestyle=":", linewidth=1.8),
        Line("model", model=lambda model: (LOADS, model.response_ns), **MODEL_LINE),
        Line(model=expected, **MODEL_HERE),
        *measured(lambda run: (100 * load_share(run), load.mean_response_ns(run)), among=("load",)),
    ),
)


def say(record: Record) -> str:
    """The maximum, and how long requests took at the chosen share of it."""
    found, most, share = Load(record), most_per_s(record), load_share(record)
    said = f"The server's maximum is {count(most)} requests/s."
    if share < record.parameters["load"] / 100:
        said += f" The load is limited to {count(MAX_PER_S)} requests/s, so that the generator keeps up."
    if found.response.size:
        p99 = found.summary.percentiles[0.99]
        tail = f", the {percentile_text(p99)}" if p99.stands else ""
        said += f" At {percent(share)} of that the mean response is {duration(found.response.mean())}{tail}."
    if load.falls_behind(record, share * most, most, WORKERS):
        said += f" Saturated: {count(found.in_flight)} requests are still in flight, and the response time only grows."
    return said + load.failures_said(record) + load.lateness_said(record)


def compare(record: Record, pinned: Record) -> tuple[str, str] | None:
    compared = ratio_in_turns(record, pinned, MOST)
    return (f"The maximum is {ratio_text(compared)} that of the pinned run.", compared.verdict) if compared else None


def windows(record: Record) -> str:
    rates = record.column(MOST)
    return f"{count(most_per_s(record))}, {count(rates.min())}–{count(rates.max())}"


def what_a_larger_reply_does(small: Record, large: Record) -> str | None:
    """The maximum with replies of 100 kB, as a share of that with 10 kB, of requests that compute for 10 ms."""
    sizes = small.parameters["network"], large.parameters["network"]
    if sizes != (10, 100) or not {"cpu": 10.0, "memory": 0, "disk": 0}.items() <= small.parameters.items():
        return None
    return nearest(SHARES, most_per_s(large) / most_per_s(small))


SHARES = {"a tenth": 0.1, "half": 0.5, "nearly the same": 1.0}

PREDICTION = Prediction(
    question="A request computes for 10 ms and sends 10 kB. You let it send 100 kB. How much of its throughput is left?",
    choices={
        "a tenth": "Each request sends ten times the bytes; but the network was nearly idle, and still is.",
        "half": "Computing and sending both take time; but while one request is sent, the next one computes.",
        "nearly the same": "The CPU is the bottleneck, at 100 requests/s. For the network, 10 MB per second are little.",
    },
    settle=two_runs("network", what_a_larger_reply_does),
    hint="Measure with 10 ms of CPU and nothing else, first with 10 kB of network, then with 100 kB.",
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
            "load": slider(10, 120, 50, 10, unit="%"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(
            say, load.too_late, load.impossible(computing_limit, most_per_s), compare=compare, needs=MOST
        ),
        table=table_of(
            ("maximum requests/s, slowest–fastest window", windows),
            ("load chosen; offered", lambda run: f"{run.parameters['load']}%; {percent(load_share(run))}"),
            *(load.P50, load.P99, load.IN_FLIGHT, load.FAILED),
            needs=MOST,
        ),
        trust=trust_of(*load.trust(WORKERS), needs=MOST),
        budget_s=WINDOWS * WINDOW_S + RUN_S + 1,
    )
