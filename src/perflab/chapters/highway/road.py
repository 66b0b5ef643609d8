"""Is a fast car the same as a fast road? Cars on a highway: how long each trip takes, and how many cars get through."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Lab, Prediction, Record, Verdict, slider, switch, values_slider
from perflab.lab.panels.flow import Curve, FlowAgainstDensity, TripTimes
from perflab.lab.panels.road import MovingRoad
from perflab.lab.verdict import against_pinned, estimate_text, percentile_text
from perflab.measure.compare import block_ratio
from perflab.measure.frame import Frame
from perflab.measure.summary import summarise
from perflab.measure.units import count
from perflab.theory.highway import Highway
from perflab.theory.traffic import CELL_M, Road, expected_flow, free_density, is_exact

CELLS = 120
KM = CELLS * CELL_M / 1_000
KMH_PER_CELL = 27
LIMITS = tuple(KMH_PER_CELL * cells for cells in range(1, 6))
MOST_CARS = 150
WARM_UP_STEPS = 300
STEPS_PER_FRAME = 2
FRAME_S = 0.07
ACCIDENT_STEPS = 80
ACCIDENT = (0, 2 * CELLS // 3)
STRETCH = (CELLS // 3, 2 * CELLS // 3)
DENSITIES = np.linspace(0.0, 1.0, 101)
SATURATED_QUEUE = 20
MOMENT_STEPS = 20
PER_KM, PER_MIN = 1_000 / CELL_M, 60.0


def experiment(lanes: int, cars: int, limit: int, hesitation: float, accident: bool, seed: int) -> Iterator[Frame]:
    road = Road(CELLS, lanes, limit // KMH_PER_CELL, hesitation)
    highway = Highway(road, cars / 60, np.random.default_rng(seed))
    for _ in range(WARM_UP_STEPS):
        highway.step()
    began = road.step
    while True:
        started = time.perf_counter()
        trips, density, flow = [], [], []
        came_before = highway.came
        for _ in range(STEPS_PER_FRAME):
            road.blocked = {ACCIDENT} if accident and road.step - began < ACCIDENT_STEPS else set()
            trips.append(highway.step())
            here = road.density_and_flow(*STRETCH)
            density.append(here[0])
            flow.append(here[1])
        left = np.concatenate(trips)
        # A picture a step apart: the road is as real at any pace, and this one can be watched.
        time.sleep(max(0.0, FRAME_S - (time.perf_counter() - started)))
        yield Frame(
            {
                "latency_ns": left * 1e9,
                "density": np.array(density),
                "flow": np.array(flow),
                "position": road.position.astype(np.int16),
                "lane": road.lane.astype(np.int16),
                "speed": road.speed.astype(np.int16),
                "cars": np.array([road.position.size]),
            },
            {"calls": left.size, "came": highway.came - came_before, "steps": STEPS_PER_FRAME},
            {"waiting": highway.waiting, "blocked": bool(road.blocked)},
        )


@dataclass(frozen=True)
class Expected:
    """Cars per step and lane over `densities` (cars per cell), exact or as an upper bound, and where this setting lies.

    `accident` tells whether there will be one, `trip_s` what a trip takes on an empty road.
    """

    densities: NDArray[np.float64]
    flow: NDArray[np.float64]
    exact: bool
    lanes: int
    here: tuple[float, float]
    trip_s: float
    accident: bool


def predict(lanes: int, cars: float, limit: int, hesitation: float, accident: bool) -> Expected:
    """Free cars drive v − p cells a step. More than the peak of the curve does not get through."""
    fastest = limit // KMH_PER_CELL
    flow = expected_flow(DENSITIES, fastest, hesitation, lanes)
    wanted = min(cars / 60 / lanes, float(flow.max()))
    here = (free_density(wanted, fastest, hesitation, lanes), wanted)
    exact = is_exact(fastest, hesitation, lanes)
    return Expected(DENSITIES, flow, exact, lanes, here, CELLS / (fastest - hesitation), accident)


def in_peoples_units(model: Expected) -> Curve:
    """The model's curve in cars per km and cars a minute, each per lane."""
    here = (model.here[0] * PER_KM, model.here[1] * PER_MIN)
    return Curve(model.densities * PER_KM, model.flow * PER_MIN, model.exact, here)


def density_and_flow(record: Record, steps: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cars per km and cars a minute, per lane, in the middle of the road; means over so many steps."""
    density, flow = record.column("density") * PER_KM, record.column("flow") * PER_MIN
    whole = density.size // steps * steps
    return density[:whole].reshape(-1, steps).mean(axis=1), flow[:whole].reshape(-1, steps).mean(axis=1)


def mean_density_and_flow(record: Record) -> tuple[float, float]:
    """The means of both over the run; NaN while nothing was seen."""
    density, flow = density_and_flow(record)
    return (float(density.mean()), float(flow.mean())) if density.size else (np.nan, np.nan)


def throughput_per_min(record: Record) -> float:
    """Cars per minute past the checkpoint, at the end of the road."""
    return _per_min(record.column("latency_ns").size, record)


def _per_min(cars: int, record: Record) -> float:
    steps = record.count("steps")
    return 60 * cars / steps if steps else 0.0


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """Trip times, cars per minute, and whether the road takes all that come."""
    trips = record.column("latency_ns")
    if not trips.size:
        return Verdict("No car has got through so far: the road is blocked.", "invalid")
    chosen = record.parameters
    through, waiting = throughput_per_min(record), record.fact("waiting", 0)
    came = _per_min(record.count("came"), record)
    said = f"{count(through)} cars a minute get through; {count(came)} came meanwhile ({chosen['cars']} on average). "
    if waiting > SATURATED_QUEUE:
        free_s = predict(**chosen).trip_s
        return Verdict(
            f"{said}Saturated: {count(waiting)} wait at the entrance, and trips only get longer "
            f"(on an empty road {free_s:.0f} s)."
        )
    trip = summarise(trips, queued=True)
    said += f"A trip takes {trip.median / 1e9:.0f} s (p50), {percentile_text(trip.percentiles[0.99])}"
    if pinned is None or pinned is record or not pinned.column("latency_ns").size:
        return Verdict(f"{said}.")
    compared = block_ratio(trips, pinned.column("latency_ns"), fewest=0)
    return Verdict(
        f"{said}: the p50 is {against_pinned(compared)}, which let {count(throughput_per_min(pinned))} a minute through.",
        compared.verdict,
    )


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """The two numbers of a road, and what they hang on; the pinned run beside."""
    runs = [run for run in (record, pinned) if run is not None and run.column("latency_ns").size]
    if not runs:
        return []
    trips = [summarise(run.column("latency_ns"), queued=True) for run in runs]
    return [
        ("", "this run, 95% interval", "pinned run")[: len(runs) + 1],
        ("cars a minute at the checkpoint", *(count(throughput_per_min(run)) for run in runs)),
        ("cars a minute that came", *(count(_per_min(run.count("came"), run)) for run in runs)),
        ("cars that got through", *(count(run.column("latency_ns").size) for run in runs)),
        ("trip, p50", *(estimate_text(trip.percentiles[0.5]) for trip in trips)),
        ("trip, p99", *(estimate_text(trip.percentiles[0.99]) for trip in trips)),
        (
            "cars per km and lane, in the middle",
            *(f"{run.column('density').mean() * 1_000 / CELL_M:.0f}" for run in runs),
        ),
        ("waiting at the entrance", *(count(run.fact("waiting", 0)) for run in runs)),
    ]


BUSY = 30
FEW_TRIPS = 20


def gain_of_the_limit(records: Sequence[Record]) -> float | None:
    """Cars a minute with the highest limit as a multiple of those with 54 km/h, all else equal, on a busy road."""
    slow, fast = {}, {}
    for record in records:
        chosen = dict(record.parameters)
        limit = chosen.pop("limit")
        if chosen["cars"] >= BUSY * chosen["lanes"] and record.column("latency_ns").size >= FEW_TRIPS:
            if limit == LIMITS[1]:
                slow[tuple(chosen.items())] = record
            elif limit == LIMITS[-1]:
                fast[tuple(chosen.items())] = record
    for key in reversed([key for key in fast if key in slow]):
        return throughput_per_min(fast[key]) / throughput_per_min(slow[key])
    return None


MUCH, HARDLY, FEWER = "2.5 times", "a little more, if any", "fewer"


def what_the_limit_did(records: Sequence[Record]) -> str | None:
    """The choice that comes nearest to the gain. It is 1.0 to 1.25, and chance moves it by a tenth: the edges lie further off."""
    gain = gain_of_the_limit(records)
    return None if gain is None else MUCH if gain > 1.7 else HARDLY if gain > 0.75 else FEWER


PREDICTION = Prediction(
    question="The road is busy: 30 cars a minute and lane. The limit goes from 54 to 135 km/h. How many more get through?",
    choices={
        MUCH: "That is the speed of one car on an empty road. On a full one, cars keep their distance.",
        HARDLY: "Faster cars need longer gaps: the road gains much less than the car, and where jams form, nothing.",
        FEWER: "Faster cars brake harder and make jams; but they still leave the jam's front at the same pace.",
    },
    settle=what_the_limit_did,
    hint="Measure with two lanes and 60 cars a minute (or one lane and 30), at 54 and then 135 km/h, all else equal.",
)


def lab() -> Lab:
    return Lab(
        question="Is a fast car the same as a fast road?",
        experiment=experiment,
        predict=predict,
        controls={
            "lanes": slider(1, 4, 2, unit="lanes"),
            "cars": slider(5, MOST_CARS, 40, 5, unit="cars/min", label="cars that come"),
            "limit": values_slider(LIMITS, 135, unit="km/h", label="speed limit"),
            "hesitation": slider(0, 0.5, 0.3, 0.1, unit="per s", whole=False),
            "accident": switch(False),
        },
        charts=(
            MovingRoad(CELLS, KM, ACCIDENT),
            FlowAgainstDensity(
                "cars per km and lane",
                "cars a minute and lane",
                (PER_KM, 0.9 * PER_MIN),
                in_peoples_units,
                mean_density_and_flow,
                lambda record: density_and_flow(record, MOMENT_STEPS),
                "20 s of it",
                bound="at most",
            ),
            TripTimes("cars", "empty road", (15e9, 1_500e9), (2e10, 1e11, 5e11), 0.6, lambda model: model.trip_s * 1e9),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=6.0,
    )
