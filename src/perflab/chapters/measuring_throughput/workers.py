"""What does one more worker add? Threads, processes and an event loop in front of the same pool of connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.load_report import (
    failures_said,
    impossible,
    is_impossible,
    lateness_said,
    load_rows,
    mean_response_ns,
    parts_row,
    per_s_since,
    replay_row,
    replayed,
    too_late,
    without_times,
)
from perflab.lab import Lab, Prediction, Record, Verdict, choice, log_slider, slider, values_slider
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.panels.contenders import AgainstWorkers, Gauges
from perflab.lab.verdict import against_pinned, estimate_text
from perflab.measure.compare import block_ratio
from perflab.measure.frame import Frame
from perflab.measure.machine import effective_cpus
from perflab.measure.schedule import poisson
from perflab.measure.summary import summarise
from perflab.measure.units import count, duration
from perflab.systems.clients.worker_load import watch
from perflab.systems.servers.worker_kinds import KINDS, PROCESSES, THREADS, Work
from perflab.systems.servers.worker_server import GAUGES, worker_server
from perflab.theory.workers import Shop, mean_response, served_per_s

SERVICE_MS = 50.0
MOST_WORKERS, MOST_CONNECTIONS = 64, 64
NUMBERS = np.unique(np.round(np.logspace(0, 6, 25, base=2))).astype(int)
RUN_S = 2.0
WARM_UP_S = 0.25
STARVED = 0.5
GAUGED = ("busy workers", "queued", "connections")


def experiment(
    kind: str, workers: int, connections: int, computing: int, queue: int, rate: int, seed: int
) -> Iterator[Frame]:
    work = work_of(computing)
    with worker_server(workers, queue, connections, kind) as server:
        yield from watch(server, lambda number: work, poisson(rate, RUN_S, seed), RUN_S)


def work_of(computing: float) -> Work:
    """50 ms in all, so many percent of it computing; the rest is a query that holds a connection."""
    compute_ms = SERVICE_MS * computing / 100
    return Work(compute_ms=compute_ms, query_ms=SERVICE_MS - compute_ms)


@dataclass(frozen=True)
class Expected:
    """Over `NUMBERS` of workers: throughput (per s), its limits, Amdahl's law among them, and mean response (ns)."""

    throughput: NDArray[np.float64]
    limits: Sequence[NDArray[np.float64]]
    response_ns: NDArray[np.float64]
    all_there_is: Mapping[str, float]


def predict(kind: str, workers: int, connections: int, computing: int, queue: int, rate: int) -> Expected:
    """Users who come by chance, a queue that turns away whom it cannot take, and a server as fast as its smallest limit."""
    shop = shop_of(kind, connections, computing)
    capacity = shop.most(NUMBERS)
    service_s, arrivals = SERVICE_MS / 1e3, poisson(rate, RUN_S, 1) / 1e9
    each = [(float(most), int(number) + queue) for most, number in zip(capacity, NUMBERS, strict=True)]
    limits = [line for line in (*shop.limits(NUMBERS).values(), shop.least(NUMBERS)) if np.all(np.isfinite(line))]
    through = [served_per_s(rate, most, service_s, places) for most, places in each]
    responses = [mean_response(arrivals, most, service_s, places, RUN_S) for most, places in each]
    all_there_is = dict(zip(GAUGED, (workers, queue, connections), strict=True))
    return Expected(np.array(through), limits, 1e9 * np.array(responses), all_there_is)


def shop_of(kind: str, connections: int, computing: float) -> Shop:
    """What a request needs, and what there is of it, in seconds; only processes compute on several CPUs."""
    work = work_of(computing)
    cpus = effective_cpus() if kind == PROCESSES else 1.0
    return Shop(work.compute_ms / 1e3, work.query_ms / 1e3, cpus, connections)


def throughput(record: Record) -> float:
    """Requests per second that had their reply after the warm-up; NaN without any.

    A reply counts when the client has it: a server whose threads all compute may be done with a request long before it says so.
    """
    return per_s_since(record, "done_s", WARM_UP_S) or float("nan")


def gauges(record: Record) -> tuple[NDArray[np.float64], Mapping[str, NDArray[Any]]]:
    """Moments (s) and what the server saw of itself then."""
    noted, busy, queued, in_use = (record.column(name) for name in GAUGES)
    moments = (noted - noted[0]) / 1e9 if noted.size else noted
    return moments, dict(zip(GAUGED, (busy, queued, in_use), strict=True))


def smallest_limit(record: Record) -> tuple[str, float]:
    """The limit that holds for a run, and how many per second it allows."""
    chosen = record.parameters
    shop = shop_of(chosen["kind"], chosen["connections"], chosen["computing"])
    limits = {name: float(line) for name, line in shop.limits(chosen["workers"]).items()}
    name = min(limits, key=lambda each: limits[each])
    return name, limits[name]


LIMITS = {"workers": "all workers busy", "computing": "one computes at a time", "connections": "all connections in use"}


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """How much got through of what was offered, what limits it, and who was turned away."""
    through = throughput(record)
    if not np.isfinite(through):
        return Verdict("Nothing was served.", "invalid")
    if late := too_late(record):
        return late
    chosen = record.parameters
    name, most = smallest_limit(record)
    # Over the same time: in the whole of the run fewer may have come per second than were served after the warm-up.
    said = f"{count(through)} requests/s served of {count(per_s_since(record, 'came_s', WARM_UP_S))} offered"
    if is_impossible(through, most):
        return impossible(said, most)
    if chosen["rate"] > most:
        why = "no CPU free" if name == "computing" and chosen["kind"] == PROCESSES else LIMITS[name]
        said += f"; the limit is {count(most)}/s ({why})"
    said += f"; mean response of these {duration(mean_response_ns(record))}."
    if record.count("rejected"):
        said += f" {count(record.count('rejected'))} found the queue full and were rejected."
    if record.count("dropped"):
        said += f" {count(record.count('dropped'))} could not be sent: the server did not read those before."
    said += failures_said(record) + lateness_said(record)
    if through < STARVED * min(most, chosen["rate"]) and chosen["computing"] and not record.count("failures"):
        said += " Those who compute hold up the one who reads and answers: fewer workers would do more."
    if pinned is None or pinned is record or not pinned.column("latency_ns").size:
        return Verdict(said)
    compared = block_ratio(record.column("latency_ns"), pinned.column("latency_ns"))
    return Verdict(
        f"{said} Pinned run: {count(throughput(pinned))}/s; the p50 is {against_pinned(compared)}.", compared.verdict
    )


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Throughput, percentiles of those who were served, and what became of the others."""
    runs = [run for run in (record, pinned) if run is not None and np.isfinite(throughput(run))]
    if not runs:
        return []
    summaries = [summarise(run.column("latency_ns"), queued=True) for run in runs]
    rows = [
        ("", "this run, 95% interval", "pinned run")[: len(runs) + 1],
        ("requests/s served", *(count(throughput(run)) for run in runs)),
        ("smallest limit, requests/s", *("{}: {:,.0f}".format(*smallest_limit(run)) for run in runs)),
        ("response time of those, p50", *(estimate_text(each.percentiles[0.5]) for each in summaries)),
        ("response time of those, p99", *(estimate_text(each.percentiles[0.99]) for each in summaries)),
        ("rejected, queue full", *(count(run.count("rejected")) for run in runs)),
        ("busy; queued; connections in use, means", *(_means(run) for run in runs)),
        parts_row(runs),
        replay_row([replayed(run, run.parameters["workers"]) for run in runs]),
        *load_rows(runs),
    ]
    return without_times(rows, runs)


def _means(record: Record) -> str:
    return "; ".join(f"{line.mean():.1f}" if line.size else "–" for line in gauges(record)[1].values())


def what_more_threads_did(records: Sequence[Record]) -> str | None:
    """Throughput with 64 threads against 8, on 20 connections and without computing."""
    for many in reversed(records):
        for few in records:
            a, b = dict(many.parameters), dict(few.parameters)
            asked = (a["kind"], a["workers"], b["workers"], a["connections"], a["computing"]) == (THREADS, 64, 8, 20, 0)
            complete = min(run.fact("elapsed_s", 0.0) for run in (many, few)) > 0.9 * RUN_S
            if complete and asked and a["rate"] >= 500 and {**a, "workers": 0} == {**b, "workers": 0}:
                gain = throughput(many) / throughput(few)
                return "8 times" if gain > 4.5 else "2.5 times" if gain > 1.5 else "the same"
    return None


PREDICTION = Prediction(
    question="8 threads wait for a database that has 20 connections. You give the server 64 threads. How much more gets through?",
    choices={
        "8 times": "Eight times as many threads; but only 20 of them can hold a connection.",
        "2.5 times": "From 8 at a time to 20 at a time: 20 connections of 50 ms are 400 requests/s, whatever stands in front.",
        "the same": "The threads only wait, so more of them do wait for more at once, up to the number of connections.",
    },
    settle=what_more_threads_did,
    hint="Measure with 8 threads and with 64, all else as at the start.",
)


def lab() -> Lab:
    return Lab(
        question="What does one more worker add?",
        experiment=experiment,
        predict=predict,
        controls={
            "kind": choice(KINDS, THREADS, label="workers are"),
            "workers": slider(1, MOST_WORKERS, 8, unit="workers", label="at work"),
            "connections": slider(1, MOST_CONNECTIONS, 20, unit="connections", label="to the database"),
            "computing": slider(0, 100, 0, 10, unit="%", label="share of computing"),
            "queue": values_slider((0, 1, 3, 10, 30, 100, 300), 100, unit="places", label="queue length"),
            "rate": log_slider(20, 1_000, 500, unit="requests/s", label="arrival rate"),
        },
        charts=(
            AgainstWorkers(
                "Throughput",
                "requests per second (log)",
                (5, 3_000),
                KINDS,
                NUMBERS,
                lambda model: (model.throughput, model.limits),
                throughput,
                count_ticks,
                limits=4,
            ),
            AgainstWorkers(
                "Response time",
                "mean of those served (log)",
                (2e7, 5e9),
                KINDS,
                NUMBERS,
                lambda model: (model.response_ns, ()),
                mean_response_ns,
                duration_ticks,
            ),
            Gauges(RUN_S, 400, GAUGED, gauges, lambda model: model.all_there_is),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=RUN_S + 1,
    )
