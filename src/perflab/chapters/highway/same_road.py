"""Is this computer a road? Requests through a server with as many lanes as it has threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.highway import road
from perflab.chapters.load_report import (
    came_per_s,
    failures_said,
    lateness_said,
    load_rows,
    replay_row,
    replayed,
    too_late,
    without_times,
)
from perflab.lab import Lab, Prediction, Record, Verdict, log_slider, slider
from perflab.lab.panels.flow import AsBusy, Curve, FlowAgainstDensity, TripTimes
from perflab.lab.verdict import against_pinned, estimate_text, percentile_text
from perflab.measure.compare import block_ratio
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.measure.schedule import poisson, services
from perflab.measure.summary import summarise
from perflab.measure.units import count, duration
from perflab.systems.clients.worker_load import watched_load
from perflab.theory.littles_law import inside_over_time
from perflab.theory.queues import mmc

RUN_S = 3.0
MOST_LANES = 8
MOST_PER_S = 200
SHORTEST_MS, LONGEST_MS = 5, 100
FEWEST_INSIDE, MOST_INSIDE = 0.05, 400.0
PARTS = 6
NEARLY_FULL = 0.98
LIMIT_KMH = 108


def experiment(lanes: int, rate: int, trip: int, seed: int) -> Iterator[Frame]:
    schedule = poisson(rate, RUN_S, seed)
    yield from watched_load(lanes, schedule, services(trip, schedule.size, seed), RUN_S)


@dataclass(frozen=True)
class Expected:
    """`flow` (requests/s) against `inside` for these lanes; where this setting lies, mean response and empty trip (s).

    `road` is one lane of a road that carries the same share of its capacity.
    """

    inside: NDArray[np.float64]
    flow: NDArray[np.float64]
    here: tuple[float, float]
    response_s: float
    trip_s: float
    road: Curve


def as_busy(share: float) -> Curve:
    """A lane of cars that never hesitate, whose curve is exact, and where it carries this share of the most (at most all)."""
    return road.in_peoples_units(road.predict(1, share * _most_per_min(), LIMIT_KMH, 0.0, False))


@cache
def _most_per_min() -> float:
    # The same at each step of a slider.
    return road.PER_MIN * float(road.predict(1, 0, LIMIT_KMH, 0.0, False).flow.max())


def predict(lanes: int, rate: int, trip: int) -> Expected:
    """M/M/c: users who come by chance, trips of exponential length. Beyond its capacity the flow stays, the rest piles up."""
    service_s = trip / 1e3
    capacity = lanes / service_s
    rates = capacity * np.concatenate([np.linspace(0.01, 0.9, 30), 1 - np.logspace(-1.1, -3, 12)])
    inside = [mmc(each, service_s, lanes).inside for each in rates]
    steady = mmc(rate, service_s, lanes)
    return Expected(
        np.array([*inside, MOST_INSIDE]),
        np.array([*rates, capacity]),
        (min(steady.inside, MOST_INSIDE), steady.throughput),
        steady.response,
        service_s,
        as_busy(rate / capacity),
    )


def flow_and_inside(record: Record, parts: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Requests inside (on average over time) and completions per second, in as many equal parts of the run so far."""
    elapsed_s = float(record.fact("elapsed_s", 0.0))
    if not elapsed_s:
        return np.empty(0), np.empty(0)
    edges = np.linspace(0, elapsed_s, parts + 1)
    done = np.histogram(record.column("done_s"), edges)[0]
    return inside_over_time(record.column("came_s"), record.column("done_s"), edges), done / np.diff(edges)


def point(record: Record) -> tuple[float, float]:
    """The same for the run as a whole."""
    inside, flow = flow_and_inside(record)
    return (float(inside[0]), float(flow[0])) if inside.size else (np.nan, np.nan)


def queue_grew(record: Record) -> bool:
    """Whether more waited from each third of the run to the next, and in the last more than all lanes hold."""
    inside, _ = flow_and_inside(record, 3)
    return bool(inside.size and np.all(np.diff(inside) > 0) and inside[-1] > 2 * record.parameters["lanes"])


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """How much got through, how long it took, and whether the lanes are enough."""
    times = record.column("latency_ns")
    if not times.size:
        return Verdict("No request was answered.", "invalid")
    if late := too_late(record):
        return late
    chosen = record.parameters
    capacity = 1e3 * chosen["lanes"] / chosen["trip"]
    said = f"{count(point(record)[1])} requests/s got through, of {count(came_per_s(record))} that came."
    said += f"{failures_said(record)}{lateness_said(record)} "
    if chosen["rate"] > capacity:
        return Verdict(
            f"{said}Saturated: these lanes carry {count(capacity)}/s, and that is what they go on carrying in the jam; "
            f"{count(record.fact('inside', 0))} are still inside, and response times only grow."
        )
    if chosen["rate"] >= NEARLY_FULL * capacity:
        grows = (
            f", and the queue grew: {count(record.fact('inside', 0))} are still inside" if queue_grew(record) else ""
        )
        return Verdict(f"{said}As much comes as these lanes can do, {count(capacity)}/s{grows}.")
    summary = summarise(times, queued=True)
    model_s = predict(**chosen).response_s
    said += (
        f"Response time {duration(summary.mean.value)} on average (model, in the long run: {duration(model_s * 1e9)}), "
        f"{percentile_text(summary.percentiles[0.99])}"
    )
    if pinned is None or pinned is record or not pinned.column("latency_ns").size:
        return Verdict(f"{said}.")
    compared = block_ratio(times, pinned.column("latency_ns"))
    return Verdict(f"{said}; the p50 is {against_pinned(compared)}.", compared.verdict)


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Flow, requests inside, response times, the replay, and how well the generator kept its schedule."""
    runs = [run for run in (record, pinned) if run is not None and run.column("latency_ns").size]
    if not runs:
        return []
    summaries = [summarise(run.column("latency_ns"), run.count("failures"), queued=True) for run in runs]
    rows = [
        ("", "this run, 95% interval", "pinned run")[: len(runs) + 1],
        ("requests/s that got through", *(count(point(run)[1]) for run in runs)),
        ("inside, on average", *(f"{point(run)[0]:.2f}" for run in runs)),
        ("response time, p50", *(estimate_text(each.percentiles[0.5]) for each in summaries)),
        ("response time, p99", *(estimate_text(each.percentiles[0.99]) for each in summaries)),
        replay_row([replayed(run, run.parameters["lanes"]) for run in runs]),
        *load_rows(runs),
    ]
    return without_times(rows, runs)


def trip_times(record: Record) -> NDArray[np.float64]:
    """Response times (ns); none where the generator was too slow to tell them."""
    return record.column("latency_ns")[: 0 if too_late(record) else None]


FEW_REQUESTS = 100
QUIET, FEWEST_LANES = 0.25, 2


def what_more_lanes_do(records: Sequence[Record]) -> str | None:
    """Median response of a quiet server with twice the lanes or more, against that with fewer, all else equal."""
    for wide in reversed(records):
        for narrow in records:
            a, b = dict(wide.parameters), dict(narrow.parameters)
            # One lane that is a quarter busy makes some wait, and with a second one hardly anybody: it would be no answer.
            quiet = b["lanes"] >= FEWEST_LANES and b["rate"] * b["trip"] / 1e3 <= QUIET * b["lanes"]
            if a["lanes"] >= 2 * b["lanes"] and {**a, "lanes": 0} == {**b, "lanes": 0} and quiet:
                times = [run.column("latency_ns") for run in (narrow, wide)]
                if min(column.size for column in times) >= FEW_REQUESTS:
                    gain = percentile(times[0], 0.5) / percentile(times[1], 0.5)
                    return "half as long" if gain > 1.6 else "longer" if gain < 0.8 else "about as long"
    return None


PREDICTION = Prediction(
    question="The server is quiet (under 25% busy). You double its lanes. How long does the usual request take then?",
    choices={
        "half as long": "Lanes do not make a car faster: one request still uses one lane.",
        "about as long": "Where hardly anyone waits, more lanes stand empty: they could raise throughput, not latency.",
        "longer": "More threads cost a little to keep, but a request does not notice that.",
    },
    settle=what_more_lanes_do,
    hint="Measure at 100 requests/s and trips of 5 ms with 2 lanes, and then with 4.",
)


def lab() -> Lab:
    return Lab(
        question="Is this computer a road?",
        experiment=experiment,
        predict=predict,
        controls={
            "lanes": slider(1, MOST_LANES, 2, unit="threads"),
            "rate": log_slider(10, MOST_PER_S, 50, unit="requests/s", label="arrival rate"),
            "trip": log_slider(SHORTEST_MS, LONGEST_MS, 20, unit="ms"),
        },
        charts=(
            AsBusy(
                "A lane of a road", "cars per km", "cars a minute", (1.05 * road.PER_KM, 55), lambda model: model.road
            ),
            FlowAgainstDensity(
                "requests inside, on average (log)",
                "requests per second",
                (MOST_INSIDE, 1.1 * MOST_PER_S),
                lambda model: Curve(model.inside, model.flow, True, model.here),
                point,
                lambda record: flow_and_inside(record, PARTS),
                "a sixth of it",
                FEWEST_INSIDE,
            ),
            TripTimes(
                "requests",
                "mean, no queue",
                (1e6, 1e10),
                (1e6, 1e7, 1e8, 1e9),
                0.25,
                lambda model: model.trip_s * 1e9,
                trip_times,
            ),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=RUN_S + 1,
    )
