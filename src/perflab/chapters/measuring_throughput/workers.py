"""What does one more worker add? Threads, processes and an event loop in front of the same pool of connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from perflab.chapters import load
from perflab.chapters.measuring_throughput import workers_model
from perflab.chapters.measuring_throughput.counting_model import count_ratio
from perflab.chapters.measuring_throughput.workers_model import NUMBERS, RATE_PER_S, RUN_S, smallest_limit, throughput
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, choice, nearest, slider
from perflab.lab.axes import count_ticks, duration_ticks, from_zero_ticks
from perflab.lab.guesses import times_the_first
from perflab.lab.kinds import HereOfKind, measured_kinds
from perflab.lab.marks import Line
from perflab.lab.palette import CLOCK, MEASURED, MODEL_LINE, PINNED, THIRD
from perflab.lab.verdict import against_pinned, ratio_in_turns, ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, poisson
from perflab.systems.clients.worker_load import watch
from perflab.systems.servers.worker_kinds import KINDS, LOOP, PROCESSES, THREADS
from perflab.systems.servers.worker_server import GAUGES, worker_server

STARVED = 0.5


def experiment(kind: str, workers: int, connections: int, computing: int, seed: int) -> Iterator[Frame]:
    work = workers_model.work_of(computing)
    with worker_server(workers, workers_model.QUEUE, connections, kind) as server:
        yield from watch(server, lambda number: work, poisson(RATE_PER_S, RUN_S, seed), RUN_S)


STYLES = {THREADS: ("o", MEASURED), PROCESSES: ("s", CLOCK), LOOP: ("^", THIRD)}
DOUBLED = {2**power: str(2**power) for power in range(8)}
LIMIT: dict[str, Any] = {"color": PINNED, "linestyle": ":", "linewidth": 1.8}


def limit(name: str, model: Any) -> tuple[Any, Any]:
    """A limit of the throughput; one that is infinite is not drawn."""
    return NUMBERS, model.limits[name]


def against_workers(
    title: str, y: Axis, curve: Callable[[Any], Any], value: Callable[[Record], float], limits: Sequence[str] = ()
) -> Chart:
    """A run is a dot of its kind at its number of workers, as long as nothing else changes. Without limits no legend."""

    def point(run: Record) -> tuple[float, float]:
        return run.parameters["workers"], value(run)

    return Chart(
        title,
        Axis("workers", 0.9, 1.15 * NUMBERS[-1], log=True, ticks=DOUBLED),
        y,
        Line("model", model=curve, **MODEL_LINE),
        *(Line("" if at else "limits", model=partial(limit, name), **LIMIT) for at, name in enumerate(limits)),
        HereOfKind("workers", curve, "kind", STYLES),
        *measured_kinds(point, "kind", STYLES, among=("kind", "workers")),
        columns=3 if limits else 0,
        empty="Each run will appear here.",
    )


def gauge(label: str, column: str, color: str, linestyle: str) -> Line:
    """What the server saw of itself over time."""

    def seen(run: Record) -> tuple[Any, Any]:
        return (run.column("noted_ns") - run.column("noted_ns")[:1]) / 1e9, run.column(column)

    return Line(label, run=seen, color=color, linestyle=linestyle, linewidth=2)


CHOICES = {"8 times": 8.0, "2.5 times": 2.5, "the same": 1.0}
CHARTS = (
    against_workers(
        "Throughput",
        Axis("requests per second", 5, 3_000, log=True, ticks=count_ticks),
        lambda model: (NUMBERS, model.throughput),
        throughput,
        limits=(*workers_model.LIMITS, workers_model.AMDAHL),
    ).plus(times_the_first(CHOICES, 64, throughput)),
    against_workers(
        "Response time",
        Axis("mean of served requests", 2e7, 5e9, log=True, ticks=duration_ticks),
        lambda model: (NUMBERS, model.response_ns),
        load.mean_response_ns,
    ),
    Chart(
        "Inside the server",
        Axis("time since the start (s)", 0, RUN_S),
        Axis("how many (0, then log)", 0, 400, ticks=from_zero_ticks),
        gauge("busy workers", "busy", MEASURED, "-"),
        gauge("queued", "queued", CLOCK, "-."),
        gauge("connections", "in_use", THIRD, "--"),
        columns=3,
        empty="Workers will appear here.",
    ),
)


def say(record: Record) -> str:
    """How much of the offered load was served, what limits it, and what became of the other requests."""
    run, (why, most) = load.Load(record, since_s=workers_model.WARM_UP_S), smallest_limit(record)
    # Both rates are counted over the same time: in the whole run fewer may have arrived per second than were served.
    said = f"{count(run.throughput_per_s)} requests/s served of {count(run.offered_per_s)} offered"
    if most < RATE_PER_S:
        said += f"; the limit is {count(most)}/s ({why})"
    said += f"; mean response {duration(run.response.mean())}."
    if rejected := record.count("rejected"):
        said += f" {count(rejected)} requests found the queue full and were rejected."
    if run.not_sent:
        said += f" {count(run.not_sent)} could not be sent: the server had not read the ones before."
    said += load.failures_said(record) + load.lateness_said(record)
    if run.throughput_per_s < STARVED * min(most, RATE_PER_S) and record.parameters["computing"] and not run.failures:
        said += " Computing leaves the server too little time to read and answer requests: fewer workers would do more."
    return said


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """The throughput of the pinned run, and the p50 of both."""
    p50, said = ratio_in_turns(record, pinned), f"Pinned run: {count(throughput(pinned))}/s"
    return (f"{said}; the p50 is {against_pinned(p50)}.", p50.verdict) if p50 else (f"{said}.", "")


def gauges_text(run: Record) -> str:
    return "; ".join(f"{run.column(name).mean():.1f}" for name in GAUGES[1:])


TABLE = table_of(
    ("requests/s served", lambda run: count(np.nan_to_num(throughput(run)))),
    ("smallest limit, requests/s", lambda run: "{1:,.0f}: {0}".format(*smallest_limit(run))),
    load.P50,
    load.P99,
    ("rejected, queue full", lambda run: count(run.count("rejected"))),
    ("busy; queued; connections, means", gauges_text),
    load.FAILED,
)


def what_more_threads_did(few: Record, many: Record) -> Outcome | None:
    """The throughput with 64 threads against 8; None where two choices are as near."""
    if min(run.fact("elapsed_s", 0.0) for run in (few, many)) < 0.95 * RUN_S:
        return None
    served = [int(np.count_nonzero(run.column("completed_s") > workers_model.WARM_UP_S)) for run in (many, few)]
    ratio = count_ratio(*served)
    if not ratio.has_interval or nearest(CHOICES, ratio.low) != nearest(CHOICES, ratio.high):
        return None
    return Outcome(
        nearest(CHOICES, ratio.value), f"{ratio_text(ratio)}, {count(throughput(few))} to {count(throughput(many))}/s"
    )


PREDICTION = Prediction(
    question="8 threads share 20 database connections. You give the server 64 threads. How much does throughput grow?",
    choices={
        "8 times": Answer("Eight times as many threads; but only 20 of them can hold a connection at the same time."),
        "2.5 times": Answer(
            "20 connections of 50 ms could do 400 requests/s; here something else was in the way before them.",
            "From 8 requests at a time to 20: 20 connections of 50 ms are 400 requests/s, however many threads wait for them.",
        ),
        "the same": Answer(
            "These threads wait and do not compute, so more of them wait in parallel, up to the number of connections.",
            "More threads found nothing more to use: look in the table for what limits this machine.",
        ),
    },
    runs=({"workers": 8}, {"workers": 64}),
    find=what_more_threads_did,
)


def lab() -> Lab:
    impossible = load.impossible(lambda run: smallest_limit(run)[1], throughput)
    return Lab(
        question="What does one more worker add?",
        experiment=experiment,
        predict=workers_model.predict,
        controls={
            "kind": choice(KINDS, THREADS, label="kind of worker"),
            "workers": slider(1, workers_model.MAX_WORKERS, 8, unit="workers"),
            "connections": slider(1, 64, 20, unit="connections"),
            "computing": slider(0, 100, 0, 10, unit="%", label="share of computing"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, load.too_late, impossible, compare=compare, empty="Nothing was served."),
        table=TABLE,
        trust=trust_of(*load.trust(lambda run: run.parameters["workers"])),
        finding=workers_model.finding,
        scenario=workers_model.scenario,
        moments=load.moments(lambda run: run.parameters["workers"]),
        budget_s=RUN_S + 1,
    )
