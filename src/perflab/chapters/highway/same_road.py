"""Is this computer a road? Requests through a server with as many lanes as it has threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load
from perflab.chapters.highway import road_model
from perflab.chapters.highway.flow import Curve, flow_against_density, trip_times
from perflab.chapters.highway.same_road_model import (
    RUN_S,
    capacity_per_s,
    finding,
    inside_and_flow,
    is_full,
    point,
    queue_grew,
    scenario,
)
from perflab.chapters.load import Load, failures_said, lateness_said, too_late
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, latencies_of, log_slider, slider
from perflab.lab.axes import plain_ticks
from perflab.lab.marks import Line
from perflab.lab.palette import MODEL_HERE, MODEL_LINE
from perflab.lab.verdict import Verdict, percentile_of, percentile_text, ratio_in_turns, table_of, trust_of, verdict_of
from perflab.measure import Frame, count, duration, number, poisson, services
from perflab.systems.clients.worker_load import watched_load
from perflab.theory.queues import mmc

MAX_LANES, MAX_PER_S, MAX_INSIDE = 8, 200, 400.0
LIMIT_KMH = 108
LANE_PER_MIN = float(road_model.expected(1, 0, LIMIT_KMH, 0.0).flow.max())
"""What a lane carries at most when no driver hesitates, which is when its curve is exact."""


def experiment(lanes: int, rate: int, trip: int, seed: int) -> Iterator[Frame]:
    schedule = poisson(rate, RUN_S, seed)
    yield from watched_load(lanes, schedule, services(trip, schedule.size, seed), RUN_S)


@dataclass(frozen=True)
class Expected(Curve):
    """Requests/s against requests inside, the mean response, and a lane of a road that carries the same share of its capacity."""

    response_s: float
    road: Curve


def predict(lanes: int, rate: int, trip: int) -> Expected:
    """M/M/c: arrivals at random, trips of exponential length. Beyond the capacity the flow stays, and the queue grows."""
    service_s = trip / 1e3
    capacity = lanes / service_s
    rates = capacity * np.concatenate([np.linspace(0.01, 0.9, 30), 1 - np.logspace(-1.1, -3, 12)])
    inside = np.array([*(mmc(each, service_s, lanes).inside for each in rates), MAX_INSIDE])
    steady = mmc(rate, service_s, lanes)
    here = min(steady.inside, MAX_INSIDE), steady.throughput
    road = road_model.expected(1, rate / capacity * LANE_PER_MIN, LIMIT_KMH, 0.0)
    return Expected(inside, np.array([*rates, capacity]), True, here, service_s, steady.response, road)


def times_in_time(run: Record) -> NDArray[np.float64]:
    """Response times (ns); none where requests were sent too late to tell them."""
    return latencies_of(run)[: 0 if too_late(run) else None]


CHARTS = (
    Chart(
        "A lane of a road",
        Axis("cars per km", 0, 1.05 * road_model.PER_KM),
        Axis("cars a minute", 0, 55),
        Line("exact", model=lambda model: (model.road.density, model.road.flow), **MODEL_LINE),
        Line("as busy", model=lambda model: model.road.here, **MODEL_HERE),
        width=0.8,
        columns=2,
        empty="A lane will appear here.",
    ),
    flow_against_density(
        Axis("requests inside, on average", 0.05, MAX_INSIDE, log=True, ticks=plain_ticks),
        Axis("requests per second", 0, 1.1 * MAX_PER_S),
        point,
        inside_and_flow,
        "a sixth of it",
    ),
    trip_times(
        "requests",
        "mean, no queue",
        (1e6, 1e10),
        {1e6: "1 ms", 1e7: "10 ms", 1e8: "100 ms", 1e9: "1 s"},
        0.25,
        0.95,
        times_in_time,
    ),
)


def say(run: Record) -> str | Verdict:
    """How much got through, how long it took, and whether the lanes are enough."""
    found, rate, capacity = Load(run), run.parameters["rate"], capacity_per_s(run)
    said = f"{count(found.throughput_per_s)} requests/s got through, of {count(found.offered_per_s)} offered."
    said += f"{failures_said(run)}{lateness_said(run)}"
    left = f"{count(found.in_flight)} requests are still in flight"
    if rate > capacity:
        said += f" Saturated: these lanes carry {count(capacity)}/s, and go on carrying that in the jam"
        return Verdict(f"{said}; {left}, and response times only grow.")
    if is_full(run):
        grew = f", and the queue grew: {left}" if queue_grew(run) else ""
        return Verdict(f"{said} The load is all that these lanes can do, {count(capacity)}/s{grew}.")
    model_ns, p95 = predict(**run.parameters).response_s * 1e9, found.summary.percentiles[0.95]
    said += f" Response time {duration(found.summary.mean.value)} on average"
    return f"{said} (model, in the long run: {duration(model_ns)}), {percentile_text(p95)}."


TABLE = table_of(
    ("requests/s that got through", lambda run: count(Load(run).throughput_per_s)),
    ("inside, on average", lambda run: f"{point(run)[0]:.2f}"),
    load.P50,
    load.P95,
    load.FAILED,
)


HALF, SAME, LONGER = "half as long", "about as long", "longer"
QUIET: dict[str, Any] = {"rate": 100, "trip": 5}


def what_more_lanes_do(narrow: Record, wide: Record) -> Outcome | None:
    """The median response of a quiet server with twice the lanes, against that with fewer: slices with the same requests."""
    found = ratio_in_turns(wide, narrow)
    if found is None or not found.has_interval:
        return None
    choice = HALF if found.high < 0.75 else LONGER if found.low > 1.2 else SAME
    near, around = 0.8 < found.low <= found.high < 1.25, 0.6 < found.low <= 1 <= found.high < 1.5
    if choice == SAME and not (near or around):
        return None
    return Outcome(choice, f"×{number(found.value)} ({number(found.low)}–{number(found.high)})")


PREDICTION = Prediction(
    question="100 requests/s of 5 ms keep two threads busy for a quarter of the time. Then there are four. How long does a "
    "request take?",
    choices={
        HALF: Answer(
            "One request still uses one thread: another thread does not make it faster.",
            "So requests had to wait for a thread, although most of them were idle: something else held this run up.",
        ),
        SAME: Answer(
            "That is so where no request waits, as long as the threads themselves cost nothing.",
            "Hardly any request had to wait for a thread, so there was no wait to take away. More threads raise the capacity; "
            "they shorten response times only where requests queue.",
        ),
        LONGER: Answer(
            "An idle thread costs some memory. A request does not notice it.",
            "More threads cost this machine something: they take turns at its CPU and at Python's interpreter lock (GIL).",
        ),
    },
    runs=({"lanes": 2, **QUIET}, {"lanes": 4, **QUIET}),
    find=what_more_lanes_do,
)


def lab() -> Lab:
    return Lab(
        question="Is this computer a road?",
        experiment=experiment,
        predict=predict,
        controls={
            "lanes": slider(1, MAX_LANES, 2, unit="threads"),
            "rate": log_slider(10, MAX_PER_S, 50, unit="requests/s", label="arrival rate"),
            "trip": log_slider(5, 100, 20, unit="ms", label="mean trip"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, too_late, compare=percentile_of(), empty="No request was answered."),
        table=TABLE,
        finding=finding,
        scenario=scenario,
        trust=trust_of(*load.trust(lambda run: run.parameters["lanes"])),
        moments=load.moments(lambda run: run.parameters["lanes"]),
        budget_s=RUN_S + 1,
    )
