"""What should a server do with more requests than it can serve? A queue of a length to choose, or a rule of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from perflab.chapters import load
from perflab.chapters.changes import only_change
from perflab.chapters.measuring_throughput.admission_model import (
    LIMIT_S,
    QUEUES,
    RUN_S,
    Admit,
    if_there_is_a_place,
    predict,
    scenario,
    where,
)
from perflab.chapters.measuring_throughput.counting_model import count_ratio
from perflab.chapters.measuring_throughput.workers_model import MAX_WORKERS
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, log_slider, slider, values_slider
from perflab.lab.axes import count_ticks, duration_ticks, from_zero_ticks
from perflab.lab.marks import Here, Line, measured
from perflab.lab.palette import CLOCK, MODEL_LINE, PINNED
from perflab.lab.verdict import against_pinned, ratio_in_turns, ratio_text, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, poisson
from perflab.measure.compare import CLEAR, Ratio
from perflab.measure.guards import MAX_CONNECTIONS
from perflab.systems.clients.worker_load import watch
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import worker_server


def experiment(
    workers: int, queue: int, rate: int, processing: int, seed: int, admit: Admit = if_there_is_a_place
) -> Iterator[Frame]:
    places, service_s = queue, processing / 1e3
    rule = None if admit is if_there_is_a_place else lambda queued: admit(queued, places, workers, service_s)
    in_flight = min(MAX_CONNECTIONS, 1_000 if rule else workers + queue + 50)
    with worker_server(workers, queue, may_queue=rule) as server:
        work = Work(wait_ms=processing)
        yield from watch(server, lambda number: work, poisson(rate, RUN_S, seed), RUN_S, in_flight)


def good(record: Record) -> int:
    """How many requests were answered in time, counted from when they were due."""
    return int(np.count_nonzero(load.Load(record).response <= LIMIT_S * 1e9))


def goodput(record: Record) -> float:
    """Requests per second that were answered in time; NaN before any time has passed."""
    return good(record) / (record.fact("elapsed_s", 0.0) or np.nan)


def queue_axis() -> Axis:
    return Axis("queue length (0, then log)", 0, 1.3 * QUEUES[-1], ticks=from_zero_ticks)


DIAMOND: dict[str, Any] = {"color": CLOCK, "linestyle": "none", "marker": "s", "markersize": 8}

CHARTS = (
    Chart(
        "Throughput and goodput",
        queue_axis(),
        Axis("requests per second", 5, 3_000, log=True, ticks=count_ticks),
        Line("model: throughput", model=lambda m: (m.queues, m.throughput), color=PINNED, linestyle="--", linewidth=2),
        Line("model: goodput", model=lambda m: (m.queues, m.goodput), **MODEL_LINE),
        Here("queue", lambda m: (m.queues, m.goodput)),
        Line("throughput", run=lambda run: (run.parameters["queue"], load.Load(run).throughput_per_s), **DIAMOND),
        *measured(lambda run: (run.parameters["queue"], goodput(run)), among=("queue",), label="goodput"),
        columns=3,
    ),
    Chart(
        "Response time",
        queue_axis(),
        Axis("mean of served requests", 5e6, 5e9, log=True, ticks=duration_ticks),
        Line("model", model=lambda m: (m.queues, m.response_ns), **MODEL_LINE),
        Here("queue", lambda m: (m.queues, m.response_ns)),
        *measured(lambda run: (run.parameters["queue"], load.mean_response_ns(run)), among=("queue",)),
        columns=3,
    ),
)


def say(record: Record) -> str:
    """What was served, what of it in time, and what became of the other requests."""
    run, chosen = load.Load(record), record.parameters
    capacity = chosen["workers"] * 1e3 / chosen["processing"]
    said = f"{count(run.throughput_per_s)} requests/s served of {count(run.offered_per_s)} offered"
    said += f", {count(goodput(record))} of them within {LIMIT_S:g} s (goodput); mean response {duration(run.response.mean())}."
    if rejected := record.count("rejected"):
        said += f" {count(rejected)} requests were rejected."
    if load.falls_behind(record, run.offered_per_s, capacity, chosen["workers"]):
        said += (
            f" Overloaded: the capacity is {count(capacity)}/s, and {count(run.in_flight)} requests are still inside."
        )
    if run.not_sent:
        said += f" {count(run.not_sent)} could not be sent: all connections of the generator were in use."
    return said + load.failures_said(record) + load.lateness_said(record)


def goodput_ratio(record: Record, other: Record) -> Ratio:
    """How many times that of the other run the goodput is."""
    return count_ratio(good(record), good(other))


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    """The goodput beside that of the pinned run, and the p50 of both; what differs clearly is what is judged."""
    p50, said = ratio_in_turns(record, pinned), f"Pinned run: {count(goodput(pinned))}/s in time"
    said += f"; the p50 is {against_pinned(p50)}" if p50 else ""
    ratio = goodput_ratio(record, pinned)
    if ratio.verdict == CLEAR:
        return f"{said}; the goodput is {against_pinned(ratio)}.", CLEAR
    return f"{said}.", p50.verdict if p50 else ""


def finding(record: Record, pinned: Record | None) -> str | None:
    """What of the answers is in time; or that of both runs, where one control differs."""
    run, good_per_s = load.Load(record), goodput(record)
    if not run.response.size or not np.isfinite(good_per_s):
        return None
    served = count(run.throughput_per_s)
    if pinned is not None and (name := only_change(record, pinned)) and np.isfinite(goodput(pinned)):
        before = f"{count(goodput(pinned))} of {count(load.Load(pinned).throughput_per_s)} answers/s are in time"
        then = f"{where(record.parameters, name)}, {count(good_per_s)} of {served}"
        return f"{where(pinned.parameters, name).capitalize()}, {before}; {then}."
    place = where(record.parameters, "queue").capitalize()
    offered, in_time = count(run.offered_per_s), "all" if good(record) == run.response.size else count(good_per_s)
    return f"{place}, {served} of {offered} requests/s are answered, {in_time} of them within {LIMIT_S:g} s."


TABLE = table_of(
    ("requests/s offered", lambda run: count(load.Load(run).offered_per_s)),
    ("requests/s served", lambda run: count(load.Load(run).throughput_per_s)),
    (f"goodput: served within {LIMIT_S:g} s", lambda run: count(goodput(run))),
    load.P50,
    load.P99,
    ("rejected", lambda run: count(run.count("rejected"))),
    load.IN_FLIGHT,
    load.FAILED,
)


def what_a_long_queue_did(short: Record, long: Record) -> Outcome | None:
    """The goodput with a long queue against a short one."""
    ratio = goodput_ratio(long, short)
    short_s, long_s = (run.fact("elapsed_s", 0.0) for run in (short, long))
    if not ratio.has_interval or min(short_s, long_s) < 0.95 * RUN_S:
        return None
    told = f"{count(goodput(short))} requests/s in time with 30 places, {count(goodput(long))} with 300: {ratio_text(ratio)}"
    return Outcome("it falls", told) if ratio.high < 1 else None


PREDICTION = Prediction(
    question=f"500 requests per second arrive at a server that can do 160. Clients wait for {LIMIT_S:g} s. Its queue gets 300 "
    "places instead of 30, so that fewer requests are rejected. What does the goodput (requests answered in time) do?",
    choices={
        "it grows": Answer(
            "Fewer requests are rejected; but a queue serves none. The workers were busy with the short queue already."
        ),
        "it stays the same": Answer(
            "That is the throughput: the workers do as much as before. But they do it for requests whose clients no longer wait."
        ),
        "it falls": Answer(
            "",
            "300 places at 160 requests/s are 2 s of waiting. Soon each request is answered too late, though the workers are "
            "never idle. A short queue rejects early, and what it lets in is answered in time.",
        ),
    },
    runs=({"queue": 30}, {"queue": 300}),
    find=what_a_long_queue_did,
)


def lab() -> Lab:
    return Lab(
        question="What should a server do with more requests than it can serve?",
        experiment=experiment,
        predict=predict,
        controls={
            "queue": values_slider(QUEUES, 100, unit="places", label="queue length"),
            "rate": log_slider(20, 1_000, 500, unit="requests/s", label="arrival rate"),
            "workers": slider(1, MAX_WORKERS, 8, unit="workers"),
            "processing": values_slider((10, 20, 50, 100, 200), 50, unit="ms", label="processing time"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, load.too_late, compare=compare, empty="Nothing was served."),
        table=TABLE,
        finding=finding,
        scenario=scenario,
        trust=trust_of(*load.trust(lambda run: run.parameters["workers"])),
        moments=load.moments(lambda run: run.parameters["workers"]),
        budget_s=RUN_S + 1,
    )
