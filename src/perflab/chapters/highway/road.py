"""Is a fast car the same as a fast road? Cars on a highway: how long each trip takes, and how many cars get through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.highway.flow import Curve, flow_against_density, trip_times
from perflab.chapters.highway.road_model import ACCIDENT, CELLS, LIMITS, PER_KM, PER_MIN, empty_road, expected
from perflab.chapters.highway.road_panel import MOVING_ROAD
from perflab.lab import Axis, Lab, Prediction, Record, latencies_of, slider, switch, two_runs, values_slider
from perflab.lab.verdict import (
    Verdict,
    against_pinned,
    estimate_text,
    percentile_text,
    ratio_in_turns,
    table_of,
    verdict_of,
)
from perflab.measure import Frame, count, summarise
from perflab.theory.highway import Highway

MAX_CARS, BUSY_CARS, MIN_TRIPS = 150, 30, 20
WARM_UP_STEPS, STEPS_PER_FRAME, FRAME_S = 300, 2, 0.07
ACCIDENT_STEPS = 80
STRETCH = (CELLS // 3, 2 * CELLS // 3)
MOMENT_STEPS = 20
SATURATED_QUEUE = 20
MUCH, HARDLY, FEWER = "2.5 times", "a little more, if any", "fewer"


def experiment(lanes: int, cars: int, limit: int, hesitation: float, accident: bool, seed: int) -> Iterator[Frame]:
    road = empty_road(lanes, limit, hesitation)
    highway = Highway(road, cars / 60, np.random.default_rng(seed))
    for _ in range(WARM_UP_STEPS):
        highway.step()
    began = road.step
    while True:
        started, arrived_before = time.perf_counter(), highway.came
        trips, detected = [], []
        for _ in range(STEPS_PER_FRAME):
            road.blocked = {ACCIDENT} if accident and road.step - began < ACCIDENT_STEPS else set()
            trips.append(highway.step())
            detected.append(road.density_and_flow(*STRETCH))
        left = np.concatenate(trips)
        density, flow = np.array(detected).T
        picture = {name: getattr(road, name).astype(np.int16) for name in ("position", "lane", "speed")}
        cars_now = np.array([road.position.size])
        # A picture a step apart: the road is as real at any pace, and this one can be watched.
        time.sleep(max(0.0, FRAME_S - (time.perf_counter() - started)))
        yield Frame(
            {"latency_ns": left * 1e9, "density": density, "flow": flow, **picture, "cars": cars_now},
            {"calls": left.size, "came": highway.came - arrived_before, "steps": STEPS_PER_FRAME},
            {"waiting": highway.waiting, "blocked": bool(road.blocked)},
        )


def predict(lanes: int, cars: int, limit: int, hesitation: float, accident: bool) -> Curve:
    """Flow against density without an accident: exact where it is known, otherwise if no jam formed by itself."""
    return expected(lanes, cars, limit, hesitation)


def moments(run: Record, steps: int = MOMENT_STEPS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cars per km and cars a minute, per lane, in the middle of the road; means over so many steps."""
    density, flow = run.column("density") * PER_KM, run.column("flow") * PER_MIN
    whole = density.size // steps * steps
    return density[:whole].reshape(-1, steps).mean(axis=1), flow[:whole].reshape(-1, steps).mean(axis=1)


def point(run: Record) -> tuple[float, float]:
    """The means of both over the run."""
    density, flow = moments(run, 1)
    return float(density.mean()), float(flow.mean())


CHARTS = (
    MOVING_ROAD,
    flow_against_density(
        Axis("cars per km and lane", 0, PER_KM),
        Axis("cars a minute and lane", 0, 0.9 * PER_MIN),
        point,
        moments,
        "20 s of it",
        bound="at most",
    ),
    trip_times("cars", "empty road", (15e9, 1_500e9), {2e10: "20 s", 1e11: "100 s", 5e11: "500 s"}, 0.6),
)


def throughput_per_min(run: Record) -> float:
    """Cars per minute past the checkpoint at the end of the road."""
    return 60 * latencies_of(run).size / max(1, run.count("steps"))


def offered_per_min(run: Record) -> float:
    """Cars per minute that arrived at the entrance."""
    return 60 * run.count("came") / max(1, run.count("steps"))


def say(run: Record) -> str | Verdict:
    """Trip times, cars per minute, and whether the road can carry all cars that arrive."""
    waiting, mean = run.fact("waiting", 0), run.parameters["cars"]
    said = f"{count(throughput_per_min(run))} cars a minute get through; "
    said += f"{count(offered_per_min(run))} arrived meanwhile ({mean} on average)."
    if waiting > SATURATED_QUEUE:
        free_s = predict(**run.parameters).trip_s
        said += f" Saturated: {count(waiting)} cars wait at the entrance, and trips only get longer"
        return Verdict(f"{said} (on an empty road {free_s:.0f} s).")
    trips = summarise(latencies_of(run), queued=True)
    return f"{said} A trip takes {trips.median / 1e9:.0f} s (p50), {percentile_text(trips.percentiles[0.99])}."


def compare(run: Record, pinned: Record) -> tuple[str, str]:
    """The p50 of the trips against that of the pinned run, and what got through there."""
    said = f"The pinned run let {count(throughput_per_min(pinned))} a minute through."
    trips = ratio_in_turns(run, pinned)
    return (f"{said} The p50 is {against_pinned(trips)}.", trips.verdict) if trips else (said, "")


def trip_text(share: float) -> Callable[[Record], str]:
    """A percentile of the trip times with its interval."""
    return lambda run: estimate_text(summarise(latencies_of(run), queued=True).percentiles[share])


TABLE = table_of(
    ("cars a minute at the checkpoint", lambda run: count(throughput_per_min(run))),
    ("cars a minute that arrived", lambda run: count(offered_per_min(run))),
    ("cars that got through", lambda run: count(latencies_of(run).size)),
    ("trip, p50", trip_text(0.5)),
    ("trip, p99", trip_text(0.99)),
    ("cars per km and lane, in the middle", lambda run: f"{point(run)[0]:.0f}"),
    ("waiting at the entrance", lambda run: count(run.fact("waiting", 0))),
)


def gain(slow: Record, fast: Record) -> float | None:
    """How many times as many cars get through at 135 km/h as at 54, on a busy road."""
    limits = slow.parameters["limit"], fast.parameters["limit"]
    busy = slow.parameters["cars"] >= BUSY_CARS * slow.parameters["lanes"]
    if not busy or limits != (54, 135) or min(latencies_of(run).size for run in (slow, fast)) < MIN_TRIPS:
        return None
    return throughput_per_min(fast) / throughput_per_min(slow)


def what_the_limit_does(slow: Record, fast: Record) -> str | None:
    """The choice nearest to the gain. It is 1.0 to 1.25, and chance moves it by a tenth: the edges lie further off."""
    found = gain(slow, fast)
    return None if found is None else MUCH if found > 1.7 else HARDLY if found > 0.75 else FEWER


PREDICTION = Prediction(
    question="The road is busy: 30 cars a minute and lane. The limit goes from 54 to 135 km/h. How many more get through?",
    choices={
        MUCH: "That is the speed of one car on an empty road. On a full one, cars keep their distance.",
        HARDLY: "Faster cars need longer gaps: the road gains much less than the car, and where jams form, nothing.",
        FEWER: "Faster cars brake harder and make jams; but they still leave the jam's front at the same pace.",
    },
    settle=two_runs("limit", what_the_limit_does),
    hint="Measure with two lanes and 60 cars a minute (or one lane and 30), at 54 and then 135 km/h, all else equal.",
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
            "accident": switch(False),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=compare, empty="No car has got through so far: the road is blocked."),
        table=TABLE,
        budget_s=6.0,
    )
