"""What does one more worker add? Threads, processes and an event loop in front of the same pool of connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from perflab.chapters import load
from perflab.chapters.measuring_throughput import workers_model
from perflab.chapters.measuring_throughput.workers_model import LIMITS, MAX_WORKERS, NUMBERS, RUN_S, smallest_limit
from perflab.lab import Axis, Chart, Lab, Prediction, Record, choice, log_slider, nearest, slider, two_runs
from perflab.lab.axes import count_ticks, duration_ticks, from_zero_ticks
from perflab.lab.controls import values_slider
from perflab.lab.kinds import HereOfKind, measured_kinds
from perflab.lab.marks import Line
from perflab.lab.palette import CLOCK, MEASURED, MODEL_LINE, PINNED, THIRD
from perflab.lab.verdict import INVALID, Verdict, against_pinned, ratio_in_turns, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, poisson
from perflab.systems.clients.worker_load import watch
from perflab.systems.servers.worker_kinds import KINDS, LOOP, PROCESSES, THREADS
from perflab.systems.servers.worker_server import GAUGES, worker_server

WARM_UP_S, STARVED = 0.25, 0.5


def experiment(
    kind: str, workers: int, connections: int, computing: int, queue: int, rate: int, seed: int
) -> Iterator[Frame]:
    work = workers_model.work_of(computing)
    with worker_server(workers, queue, connections, kind) as server:
        yield from watch(server, lambda number: work, poisson(rate, RUN_S, seed), RUN_S)


def throughput(record: Record) -> float:
    """Requests per second whose reply reached the client after the warm-up; NaN before. A starved server replies late."""
    return load.Load(record, since_s=WARM_UP_S).throughput_per_s


STYLES = {THREADS: ("o", MEASURED), PROCESSES: ("s", CLOCK), LOOP: ("^", THIRD)}
ALL: dict[str, Any] = {"linestyle": ":", "marker": 8, "markevery": (1, 2)}


def limit(name: str, label: str) -> Line:
    """A limit of the throughput; one that is infinite is not drawn."""
    return Line(label, model=lambda m: (NUMBERS, m.limits[name]), color=PINNED, linestyle=":", linewidth=1.8)


def against_workers(
    title: str, y: Axis, curve: Callable[[Any], Any], value: Callable[[Record], float], limits: Sequence[str] = ()
) -> Chart:
    """A run is a dot of its kind at its number of workers, as long as nothing else changes. Without limits no legend."""

    def point(run: Record) -> tuple[float, float]:
        return run.parameters["workers"], value(run)

    return Chart(
        title,
        Axis("workers (log)", 0.9, 1.15 * MAX_WORKERS, log=True, ticks={2**power: str(2**power) for power in range(7)}),
        y,
        Line("model", model=curve, **MODEL_LINE),
        *(limit(name, "" if place else "limits") for place, name in enumerate(limits)),
        HereOfKind("workers", curve, "kind", STYLES),
        *measured_kinds(point, "kind", STYLES, among=("kind", "workers")),
        columns=3 if limits else 0,
    )


def gauge(label: str, column: str, control: str, color: str, linestyle: str) -> tuple[Line, Line]:
    """What the server saw of itself over time; and how much there is of it, with a mark at the right end."""

    def seen(run: Record) -> tuple[Any, Any]:
        return (run.column("noted_ns") - run.column("noted_ns")[:1]) / 1e9, run.column(column)

    return (
        Line(label, run=seen, color=color, linestyle=linestyle, linewidth=2),
        Line(setting=lambda chosen: ((0, RUN_S), [chosen[control]] * 2), color=color, **ALL),
    )


CHARTS = (
    against_workers(
        "Throughput",
        Axis("requests per second (log)", 5, 3_000, log=True, ticks=count_ticks),
        lambda model: (NUMBERS, model.throughput),
        throughput,
        limits=(*LIMITS, workers_model.AMDAHL),
    ),
    against_workers(
        "Response time",
        Axis("mean of served requests (log)", 2e7, 5e9, log=True, ticks=duration_ticks),
        lambda model: (NUMBERS, model.response_ns),
        load.mean_response_ns,
    ),
    Chart(
        "Inside the server",
        Axis("time since the start (s)", 0, RUN_S),
        Axis("how many (0, then log)", 0, 400, ticks=from_zero_ticks),
        *gauge("busy workers", "busy", "workers", MEASURED, "-"),
        *gauge("queued", "queued", "queue", CLOCK, "-."),
        *gauge("connections", "in_use", "connections", THIRD, "--"),
        Line("all there is", color=PINNED, linestyle=":"),
        columns=2,
    ),
)


def nothing_served(record: Record) -> Verdict | None:
    """A guard: no request was served after the warm-up."""
    return None if throughput(record) > 0 else Verdict("Nothing was served.", INVALID)


def say(record: Record) -> str:
    """How much of the offered load was served, what limits it, and what became of the other requests."""
    run, chosen = load.Load(record, since_s=WARM_UP_S), record.parameters
    name, most = smallest_limit(record)
    # Both rates are counted over the same time: in the whole run fewer may have arrived per second than were served.
    said = f"{count(run.throughput_per_s)} requests/s served of {count(run.offered_per_s)} offered"
    if chosen["rate"] > most:
        why = "no CPU free" if name == "computing" and chosen["kind"] == PROCESSES else LIMITS[name]
        said += f"; the limit is {count(most)}/s ({why})"
    said += f"; mean response {duration(run.response.mean())}."
    if rejected := record.count("rejected"):
        said += f" {count(rejected)} requests found the queue full and were rejected."
    if run.not_sent:
        said += f" {count(run.not_sent)} could not be sent: the server had not read the ones before."
    said += load.failures_said(record) + load.lateness_said(record)
    if run.throughput_per_s < STARVED * min(most, chosen["rate"]) and chosen["computing"] and not run.failures:
        said += " Computing leaves the server too little time to read and answer requests: fewer workers would do more."
    return said


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """The throughput of the pinned run, and the p50 of both."""
    p50 = ratio_in_turns(record, pinned)
    said = f"Pinned run: {count(throughput(pinned))}/s"
    return (f"{said}; the p50 is {against_pinned(p50)}.", p50.verdict) if p50 else (f"{said}.", "")


TABLE = table_of(
    ("requests/s served", lambda run: count(np.nan_to_num(throughput(run)))),
    ("smallest limit, requests/s", lambda run: "{}: {:,.0f}".format(*smallest_limit(run))),
    load.P50,
    load.P99,
    ("rejected, queue full", lambda run: count(run.count("rejected"))),
    (
        "busy; queued; connections in use, means",
        lambda run: "; ".join(f"{run.column(name).mean():.1f}" for name in GAUGES[1:]),
    ),
    load.FAILED,
)


def what_more_threads_did(few: Record, many: Record) -> str | None:
    """Throughput with 64 threads against 8, on 20 connections and without computing."""
    chosen = {"kind": THREADS, "workers": 64, "connections": 20, "computing": 0}
    asked = chosen.items() <= many.parameters.items() and few.parameters["workers"] == 8
    complete = min(run.fact("elapsed_s", 0.0) for run in (many, few)) > 0.9 * RUN_S
    if not asked or not complete or many.parameters["rate"] < 500:
        return None
    return nearest(CHOICES, throughput(many) / max(1e-9, throughput(few)))


CHOICES = {"8 times": 8.0, "2.5 times": 2.5, "the same": 1.0}

PREDICTION = Prediction(
    question="8 threads share 20 database connections. You give the server 64 threads. How much does throughput grow?",
    choices={
        "8 times": "Eight times as many threads; but only 20 of them can hold a connection.",
        "2.5 times": "From 8 at a time to 20 at a time: 20 connections of 50 ms are 400 requests/s, however many threads.",
        "the same": "The threads only wait, so more threads wait in parallel, up to the number of connections.",
    },
    settle=two_runs("workers", what_more_threads_did),
    hint="Measure with 8 threads and with 64, all else as at the start.",
)


def lab() -> Lab:
    guards = (nothing_served, load.too_late, load.impossible(lambda run: smallest_limit(run)[1], throughput))
    return Lab(
        question="What does one more worker add?",
        experiment=experiment,
        predict=workers_model.predict,
        controls={
            "kind": choice(KINDS, THREADS, label="kind of worker"),
            "workers": slider(1, MAX_WORKERS, 8, unit="workers"),
            "connections": slider(1, 64, 20, unit="connections"),
            "computing": slider(0, 100, 0, 10, unit="%", label="share of computing"),
            "queue": values_slider((0, 1, 3, 10, 30, 100, 300), 100, unit="places", label="queue length"),
            "rate": log_slider(20, 1_000, 500, unit="requests/s", label="arrival rate"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, *guards, compare=compare, empty="Nothing was served."),
        table=TABLE,
        trust=trust_of(*load.trust(lambda run: run.parameters["workers"])),
        budget_s=RUN_S + 1,
    )
