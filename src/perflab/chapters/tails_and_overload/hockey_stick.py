"""Which response times leave first as a server gets busier? Mean, p50 and p99 against load, and each request on a heat map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from perflab.chapters import load as loads
from perflab.chapters.load import Load
from perflab.chapters.tails_and_overload.hockey_stick_model import (
    CONSTANT,
    KINDS,
    LOADS,
    RUN_S,
    calibrate,
    offered_load,
    overheads_ms,
    predict,
    service_times,
    tail_over_mean,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, duration_ticks, nearest, slider
from perflab.lab.controls import values_slider
from perflab.lab.heat_map import HeatMap
from perflab.lab.marks import Here, Line, Rule, before
from perflab.lab.palette import MEASURED, MODEL, MODEL_LINE, PINNED_POINTS
from perflab.lab.verdict import (
    against_pinned,
    percentile_text,
    ratio_in_turns,
    ratio_text,
    table_of,
    trust_of,
    verdict_of,
)
from perflab.measure import Frame, count, duration, percent, poisson
from perflab.measure.percentiles import percentile
from perflab.systems.clients.worker_load import watch
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import worker_server

SHORTEST_NS, LONGEST_NS = 1e6, 2e9
SERVICES_MS = (2, 5, 10)


def experiment(load: int, kind: str, service: int, seed: int) -> Iterator[Frame]:
    schedule = poisson(load / 100 * 1e3 / service, RUN_S, seed)
    with worker_server(1) as server:
        too_long_ms, _ = overheads_ms(server.port, service)
        waits_ms = np.maximum(0, service_times(kind, service, schedule.size, seed) - too_long_ms)
        yield from watch(server, lambda number: Work(wait_ms=waits_ms[number]), schedule, RUN_S)


def point(value: Callable[[Any], float]) -> Callable[[Record], tuple[float, float]]:
    """Where a run lies: the load that it really got, and a number of its response times (ns)."""

    def of(record: Record) -> tuple[float, float]:
        times = record.column("latency_ns")
        return offered_load(record), value(times) if times.size else np.nan

    return of


def moments(record: Record) -> tuple[Any, Any]:
    """When each request was due (s), and its response time (ns)."""
    return record.column("completed_s") - record.column("latency_ns") / 1e9, record.column("latency_ns")


def dots(marker: str, **style: Any) -> dict[str, Any]:
    return {"color": MEASURED, "marker": marker, "linestyle": "none", **style}


STATISTICS: dict[str, tuple[Callable[[Any], float], str, str]] = {
    "p99": (lambda times: percentile(times, 0.99), "^", "-"),
    "mean": (lambda times: float(np.mean(times)), "o", "--"),
    "p50": (lambda times: percentile(times, 0.5), "s", ":"),
}
"""How each is found, its marker, and the line of its model."""


def curve(name: str) -> Callable[[Any], tuple[Any, Any]]:
    return lambda model: (LOADS, getattr(model, f"{name}_ns"))


def response_axis(label: str) -> Axis:
    return Axis(label, SHORTEST_NS, LONGEST_NS, log=True, ticks=duration_ticks)


CHARTS = (
    Chart(
        "Response time against load",
        Axis("load (% of the server's time)", 0, 112, ticks=range(0, 101, 20)),
        response_axis("response time (log)"),
        Line("mean in the long run (P-K)", model=curve("long_run"), color=MODEL, linewidth=1, alpha=0.6),
        *(
            Line(f"model: {name}", model=curve(name), **{**MODEL_LINE, "linestyle": dashes})
            for name, (_, _, dashes) in STATISTICS.items()
        ),
        Here("load", curve("p99")),
        *(
            Line(runs=before(point(value), ("load",)), **dots(marker, markersize=4, alpha=0.5))
            for value, marker, _ in STATISTICS.values()
        ),
        Line("pinned run: p99", pinned=point(STATISTICS["p99"][0]), **PINNED_POINTS),
        *(
            Line(f"measured: {name}", run=point(value), **dots(marker, markersize=9))
            for name, (value, marker, _) in STATISTICS.items()
        ),
    ),
    Chart(
        "Each request (darker: more of them)",
        Axis("time at which it was due (s)", 0, RUN_S),
        response_axis("response time (log)"),
        HeatMap((0, RUN_S), (SHORTEST_NS, LONGEST_NS), run=moments),
        Rule("y", "mean service time", setting=lambda chosen: 1e6 * chosen["service"], color=MODEL, linestyle="--"),
    ),
)


def say(record: Record) -> str:
    """The three numbers, at the load that there was; and whether the server kept up."""
    found, load = Load(record), offered_load(record)
    summary = found.summary
    said = f"At {load:.0f}% load: {percentile_text(summary.percentiles[0.5])}, mean {duration(summary.mean.value)}, "
    said += f"{percentile_text(summary.percentiles[0.99])} of {count(summary.count)} requests."
    if loads.falls_behind(record, load, 100, 1):
        said += f" Saturated: {count(found.in_flight)} requests are still in flight, and the response time only grows."
    return said + loads.failures_said(record) + loads.lateness_said(record)


def compare(record: Record, pinned: Record) -> tuple[str, str] | None:
    """The p99 of the pinned run, and the p50 of both."""
    p50 = ratio_in_turns(record, pinned)
    tail = duration(percentile(pinned.column("latency_ns"), 0.99))
    said = f"Pinned run, at {offered_load(pinned):.0f}% load: p99 {tail}"
    return (f"{said}; the p50 is {against_pinned(p50)}.", p50.verdict) if p50 else None


def what_the_tail_does(calm: Record, busy: Record) -> Outcome | None:
    """By how many times as much as the mean the p99 grew."""
    if min(run.fact("elapsed_s", 0.0) for run in (calm, busy)) < 0.95 * RUN_S:
        return None
    found = tail_over_mean(calm, busy)
    if not 0 < found.low <= found.high < np.inf or nearest(CHOICES, found.low) != nearest(CHOICES, found.high):
        return None
    times = [run.column("latency_ns") for run in (calm, busy)]
    grown = [" to ".join(duration(STATISTICS[name][0](each)) for each in times) for name in ("mean", "p99")]
    told = f"the mean grew from {grown[0]}, the p99 from {grown[1]}, by {ratio_text(found)} as much"
    return Outcome(nearest(CHOICES, found.value), told)


HARDLY, AS_MUCH, MORE = "hardly at all", "by as much as the mean", "by about 3 times as much"
CHOICES = {HARDLY: 0.1, AS_MUCH: 1.0, MORE: 3.0}

PREDICTION = Prediction(
    question="A server works on each request for 2 ms, always. Its load goes from 50% to 90%, so the mean response time grows by "
    "some milliseconds. By how much does the p99 grow?",
    choices={
        HARDLY: Answer(
            "Each request takes equally long, once it is served. But requests do not arrive evenly, and those in a burst wait."
        ),
        AS_MUCH: Answer(
            "That would be so if all requests waited longer by the same time. Some still find the server idle.",
            "Here all requests waited longer by about the same time.",
        ),
        MORE: Answer(
            "Waits grow together, but not by the same time.",
            "The nearer to 100%, the longer a queue lasts once there is one. Its last requests wait for all the others, and they "
            "are the p99. Some requests still find the server idle, so the mean grows less.",
        ),
    },
    runs=({"load": 50, "kind": CONSTANT}, {"load": 90, "kind": CONSTANT}),
    find=what_the_tail_does,
)


def lab() -> Lab:
    return Lab(
        question="Which response times leave first as a server gets busier?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "load": slider(10, 98, 50, 4, unit="%", label="load"),
            "kind": choice(KINDS, label="service times"),
            "service": values_slider(SERVICES_MS, 2, unit="ms", label="mean service"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, loads.too_late, compare=compare, empty="No request was answered."),
        table=table_of(
            ("load: work that arrived, in % of the time", lambda run: percent(offered_load(run) / 100)),
            *(loads.MEAN, loads.P50, loads.P99, loads.IN_FLIGHT, loads.FAILED),
        ),
        trust=trust_of(*loads.trust()),
        budget_s=RUN_S + 1,
    )
