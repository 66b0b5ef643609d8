"""Which response times leave first as a server gets busier? Mean, p50 and p99 against load, and each request on a heat map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters import load as loads
from perflab.chapters.load import Load
from perflab.chapters.tails_and_overload import hockey_stick_model as stick
from perflab.chapters.tails_and_overload.hockey_stick_model import CONSTANT, RUN_S, STATISTICS, offered_load, point
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, duration_ticks, nearest, slider
from perflab.lab.controls import values_slider
from perflab.lab.heat_map import HeatMap
from perflab.lab.marks import Here, Line, Rule, before
from perflab.lab.palette import MEASURED, MODEL, MODEL_LINE, PINNED_POINTS
from perflab.lab.verdict import percentile_of, percentile_text, ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, percent, poisson

SHORTEST_NS, LONGEST_NS = 5e5, 2e9
ENDS_NS = (5e7, 1e8, 2e8, 5e8, 1e9, 2e9)


def experiment(load: int, kind: str, service: int, seed: int) -> Iterator[Frame]:
    schedule = poisson(load / 100 * 1e3 / service, RUN_S, seed)
    services_ms = stick.service_times(kind, service, schedule.size, seed)
    yield from stick.load_of(schedule, services_ms, RUN_S)


def moments(record: Record) -> tuple[Any, Any]:
    """When each request was due (s), and its response time (ns)."""
    return record.column("completed_s") - record.column("latency_ns") / 1e9, record.column("latency_ns")


def curve(name: str) -> Callable[[Any], tuple[Any, Any]]:
    return lambda model: (stick.LOADS, getattr(model, f"{name}_ns"))


def highest(model: Any) -> float:
    """Up to where the axis has to reach: a server that is nearly saturated."""
    return float(np.interp(94, *curve("p99")(model)))


def marks_of(name: str, marker: str, dashes: str, at: int) -> tuple[Line, ...]:
    """The model's curve with its name at this load, and the runs."""
    side: Any = "right" if name == "p50" else "above"
    dots: dict[str, Any] = {"color": MEASURED, "marker": marker, "linestyle": "none"}
    return (
        Line(name, at=at, side=side, model=curve(name), **{**MODEL_LINE, "linestyle": dashes}),
        Line(runs=before(point(name), ("load",)), **dots, markersize=4, alpha=0.5),
        Line("measured: mean" if name == "mean" else name, run=point(name), **dots, markersize=9),
    )


CROSS: dict[str, Any] = {"color": MODEL, "marker": "x", "linestyle": "none", "markersize": 9, "markeredgewidth": 2.5}

CHARTS = (
    Chart(
        "Response time against load",
        Axis("load (% of the server's time)", 0, 112, ticks=range(0, 101, 20)),
        Axis(
            "response time",
            0,
            5e7,
            ticks=duration_ticks,
            ends=ENDS_NS,
            reach=highest,
            run_reach=lambda run: point("p99")(run)[1],
        ),
        *marks_of("mean", "o", "--", 78),
        *marks_of("p50", "s", ":", 96),
        *marks_of("p99", "^", "-", 56),
        Line("mean, long run", model=curve("long_run"), color=MODEL, linewidth=1),
        Here("load", curve("p99")),
        Line("p99, this run simulated", run=stick.simulated_p99, **CROSS),
        Line("pinned run: p99", pinned=point("p99"), **PINNED_POINTS),
    ),
    Chart(
        "Each request (darker: more of them)",
        Axis("time at which it was due (s)", 0, RUN_S, ticks=(0, 0.5, 1, 1.5, 2)),
        Axis("response time", SHORTEST_NS, LONGEST_NS, log=True, ticks=duration_ticks),
        HeatMap((0, RUN_S), (SHORTEST_NS, LONGEST_NS), run=moments),
        Rule("y", "mean service time", setting=lambda chosen: 1e6 * chosen["service"], color=MODEL, linestyle="--"),
        empty="Each request will appear here.",
    ),
)


SERVICES = {
    CONSTANT: "Each service takes {0} ms.",
    stick.EXPONENTIAL: "Service times are exponential, {0} ms on average.",
    stick.TWO_KINDS: "9 of 10 services take {1:g} ms, the others {2:g} ms.",
}


def scenario(chosen: Mapping[str, Any]) -> str:
    """What is done."""
    each = SERVICES[chosen["kind"]].format(*(times * chosen["service"] for times in (1, stick.SHORT, stick.LONG)))
    rate = count(10 * chosen["load"] / chosen["service"])
    return f"For {RUN_S:g} s, {rate} requests per second arrive at random at a server that serves one at a time. {each}"


def say(record: Record) -> str:
    """The three numbers, at the load that there was; and whether the server kept up."""
    found, load = Load(record), offered_load(record)
    summary = found.summary
    said = f"At {load:.0f}% load: {percentile_text(summary.percentiles[0.5])}, mean {duration(summary.mean.value)}, "
    said += f"{percentile_text(summary.percentiles[0.99])} of {count(summary.count)} requests."
    if loads.falls_behind(record, load, 100, 1):
        said += f" Saturated: {count(found.in_flight)} requests are still in flight, and the response time only grows."
    return said + loads.failures_said(record) + loads.lateness_said(record)


def what_the_tail_does(calm: Record, busy: Record) -> Outcome | None:
    """By how many times as much as the mean the p99 grew."""
    if min(run.fact("elapsed_s", 0.0) for run in (calm, busy)) < 0.95 * RUN_S:
        return None
    found = stick.tail_over_mean(calm, busy)
    if not found.has_interval or nearest(CHOICES, found.low) != nearest(CHOICES, found.high):
        return None
    times = [run.column("latency_ns") for run in (calm, busy)]
    grown = [" to ".join(duration(STATISTICS[name](each)) for each in times) for name in ("mean", "p99")]
    told = f"the mean grew from {grown[0]}, the p99 from {grown[1]}, by {ratio_text(found)} as much"
    return Outcome(nearest(CHOICES, found.value), told)


HARDLY, AS_MUCH, MORE = "hardly at all", "by as much as the mean", "by about 3 times as much"
CHOICES = {HARDLY: 0.25, AS_MUCH: 1.0, MORE: 2.25}
"""So that the borders between them are half as much as the mean, and 1.5 times as much."""

PREDICTION = Prediction(
    question="A server works on each request for 2 ms, always. Its load goes from 50% to 90%, so the mean response time grows by "
    "some milliseconds. By how much does the p99 grow?",
    choices={
        HARDLY: Answer(
            "Each request takes equally long, once it is served. But requests do not arrive evenly, and those in a burst wait.",
            "Something else held up the run at half load, so that its p99 was long before the queue was.",
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
        calibrate=stick.calibrate,
        predict=stick.predict,
        controls={
            "load": slider(10, 98, 50, 4, unit="%", label="load"),
            "kind": choice(stick.KINDS, label="service times"),
            "service": values_slider((2, 5, 10), 2, unit="ms", label="mean service"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, loads.too_late, compare=percentile_of(), empty="No request was answered."),
        table=table_of(
            ("load: work that arrived, in % of the time", lambda run: percent(offered_load(run) / 100)),
            *(loads.MEAN, loads.P50, loads.P99, loads.IN_FLIGHT, loads.FAILED),
        ),
        finding=stick.finding,
        scenario=scenario,
        trust=trust_of(loads.replayed(), loads.sent(), loads.LATENESS),
        moments=loads.moments(),
        budget_s=RUN_S + 1,
    )
