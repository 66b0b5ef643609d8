"""Is a fast car the same as a fast road? Cars on a highway: how long each trip takes, and how many cars get through."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from perflab.chapters.highway import road_model
from perflab.chapters.highway.flow import Curve, flow_against_density, trip_times
from perflab.chapters.highway.road_model import (
    CELLS,
    LIMITS,
    PER_KM,
    PER_MIN,
    SATURATED_QUEUE,
    moments,
    offered_per_min,
    picture_of,
    point,
    throughput_per_min,
    trip_text,
)
from perflab.chapters.highway.road_panel import moving_road
from perflab.lab import Answer, Axis, Lab, Outcome, Prediction, Record, latencies_of, slider, values_slider
from perflab.lab.verdict import Verdict, against_pinned, ratio_in_turns, table_of, verdict_of
from perflab.measure import Frame, Ratio, count, number
from perflab.measure.student import half_interval
from perflab.theory.highway import Highway

MAX_CARS = 150
WARM_UP_STEPS = 300
STRETCH = (CELLS // 3, 2 * CELLS // 3)
SHARES = (0.5, 0.9)
"""A run is a hundred trips or so: it has no p99."""
BLOCKS = 5
MIN_SLICES = 40


def experiment(lanes: int, cars: int, limit: int, hesitation: float, seed: int) -> Iterator[Frame]:
    road = road_model.empty_road(lanes, limit, hesitation)
    highway = Highway(road, cars / PER_MIN, np.random.default_rng(seed))
    for _ in range(WARM_UP_STEPS):
        highway.step()
    while True:
        started, arrived_before = time.perf_counter(), highway.arrived
        trips, detected = [], []
        for _ in range(road_model.STEPS_PER_FRAME):
            trips.append(highway.step())
            detected.append(road.density_and_flow(*STRETCH))
        left = np.concatenate(trips)
        density, flow = np.array(detected).T
        cars_now = np.array([road.position.size])
        # A picture a step apart: the road is as real at any pace, and this one can be watched.
        time.sleep(max(0.0, road_model.FRAME_S - (time.perf_counter() - started)))
        yield Frame(
            {"latency_ns": left * 1e9, "density": density, "flow": flow, **picture_of(road), "cars": cars_now},
            {"calls": left.size, "arrived": highway.arrived - arrived_before, "steps": road_model.STEPS_PER_FRAME},
            {"waiting": highway.waiting},
        )


def predict(lanes: int, cars: int, limit: int, hesitation: float) -> Curve:
    """Flow against density: exact where it is known, otherwise what would flow if no jam formed by itself."""
    return road_model.expected(lanes, cars, limit, hesitation)


CHARTS = (
    moving_road("The road: cars drive to the right"),
    flow_against_density(
        Axis("cars per km and lane", 0, PER_KM),
        Axis("cars a minute and lane", 0, 0.9 * PER_MIN),
        point,
        moments,
        "20 s of it",
        bound="at most",
    ),
    trip_times("cars", "empty road", (15e9, 1_500e9), {2e10: "20 s", 1e11: "100 s", 5e11: "500 s"}, 0.6, SHARES[1]),
)


def say(run: Record) -> str | Verdict:
    """Trip times, cars per minute, and whether the road can carry all cars that arrive."""
    waiting, mean = run.fact("waiting", 0), run.parameters["cars"]
    said = f"{count(throughput_per_min(run))} cars a minute get through; "
    said += f"{count(offered_per_min(run))} arrived meanwhile ({mean} on average)."
    if waiting > SATURATED_QUEUE:
        free_s = predict(**run.parameters).trip_s
        said += f" Saturated: {count(waiting)} cars wait at the entrance, and trips only get longer"
        return Verdict(f"{said} (on an empty road {free_s:.0f} s).")
    middle, high = (trip_text(run, share) for share in SHARES)
    return f"{said} A trip takes {middle} (p50), p90 {high}."


def compare(run: Record, pinned: Record) -> tuple[str, str]:
    """The p50 of the trips against that of the pinned run, and what got through there."""
    said = f"The pinned run let {count(throughput_per_min(pinned))} a minute through."
    trips = ratio_in_turns(run, pinned)
    return (f"{said} The p50 is {against_pinned(trips)}.", trips.verdict) if trips else (said, "")


TABLE = table_of(
    ("cars a minute at the checkpoint", lambda run: count(throughput_per_min(run))),
    ("cars a minute that arrived", lambda run: count(offered_per_min(run))),
    ("cars that got through", lambda run: count(latencies_of(run).size)),
    ("trip, p50", lambda run: trip_text(run, SHARES[0])),
    ("trip, p90", lambda run: trip_text(run, SHARES[1])),
    ("cars per km and lane, in the middle", lambda run: f"{point(run)[0]:.0f}"),
    ("waiting at the entrance", lambda run: count(run.fact("waiting", 0))),
    heading="this run",
)


def gain(slow: Record, fast: Record) -> Ratio | None:
    """How many times as many cars get through in the second run, by the spread between blocks of each run."""
    passed = [np.array(run.sizes.get("latency_ns", ()), float) for run in (slow, fast)]
    if min(map(len, passed)) < MIN_SLICES or min(map(np.sum, passed)) == 0:
        return None
    value = float(passed[1].mean() / passed[0].mean())
    blocks = [[block.mean() for block in np.array_split(each, BLOCKS)] for each in passed]
    factor = float(np.exp(np.hypot(*(half_interval(each) / np.mean(each) for each in blocks))))
    return Ratio(value, value / factor, value * factor)


SPEED, GAPS, NO_MORE = "×2.5", "about ×1.3", "×1: no more"


def what_the_limit_does(slow: Record, fast: Record) -> Outcome | None:
    """By the gain; None where it is not clearly more than nothing, and clearly less than that of the speed."""
    found = gain(slow, fast)
    if found is None or not 1 < found.low <= found.high < 2:
        return None
    through = f"{count(throughput_per_min(slow))} and {count(throughput_per_min(fast))} cars a minute"
    return Outcome(GAPS, f"×{number(found.value)} ({number(found.low)}–{number(found.high)}), {through}")


PREDICTION = Prediction(
    question="More cars arrive than two lanes carry. The limit goes from 54 to 135 km/h. How many times as many get through?",
    choices={
        SPEED: Answer(
            "That is what a single car gains. A full road cannot gain as much: faster cars keep longer gaps."
        ),
        GAPS: Answer(
            "Longer gaps take away most of what the speed brings.",
            "Each car covers 2.5 times the distance, but keeps a gap of five cells instead of two, so that fewer cars fit on "
            "the road. An empty road is another matter: there the trip takes less than half as long.",
        ),
        NO_MORE: Answer(
            "No gain cannot be: a car takes v + 1 cells at v cells a second, and v / (v + 1) rises with v."
        ),
    },
    runs=({"cars": 80, "limit": 54}, {"cars": 80, "limit": 135}),
    find=what_the_limit_does,
)


def lab() -> Lab:
    return Lab(
        question="Is a fast car the same as a fast road?",
        experiment=experiment,
        predict=predict,
        controls={
            "lanes": slider(1, 4, 2, unit="lanes"),
            "cars": slider(5, MAX_CARS, 40, 5, unit="cars/min", label="arriving cars"),
            "limit": values_slider(LIMITS, 135, unit="km/h", label="speed limit"),
            "hesitation": slider(0, 0.5, 0.3, 0.1, unit="per s", whole=False),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=compare, empty="No car has got through so far."),
        table=TABLE,
        finding=road_model.finding,
        scenario=road_model.scenario,
        budget_s=4.0,
    )
