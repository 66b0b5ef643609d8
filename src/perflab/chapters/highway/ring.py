"""How many cars get through a road that is this full? The road bent into a ring, so that its density can be chosen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from perflab.chapters.findings import against
from perflab.chapters.highway import road_model
from perflab.chapters.highway.flow import Curve, flow_against_density, trip_times
from perflab.chapters.highway.road_model import (
    KM,
    LIMITS,
    PER_KM,
    PER_MIN,
    moments,
    picture_of,
    point,
)
from perflab.chapters.highway.road_panel import moving_road
from perflab.lab import Answer, Axis, Lab, Outcome, Prediction, Record, latencies_of, slider, values_slider
from perflab.lab.verdict import table_of, verdict_of
from perflab.measure import Frame, count, number, percentile

WARM_UP_STEPS, MIN_LAPS = 1_500, 20
FEW, MANY = 20, 80


def experiment(cars: int, limit: int, hesitation: float, seed: int) -> Iterator[Frame]:
    generator = np.random.default_rng(seed)
    road = road_model.ring(cars, limit, hesitation, generator)
    for _ in range(WARM_UP_STEPS):
        road.advance(generator)
    while True:
        started = time.perf_counter()
        laps, detected = [], []
        for _ in range(road_model.STEPS_PER_FRAME):
            laps.append(road.advance(generator))
            detected.append((road.density, road.flow))
        passed = np.concatenate(laps)
        density, flow = np.array(detected).T
        time.sleep(max(0.0, road_model.FRAME_S - (time.perf_counter() - started)))
        yield Frame(
            {
                "latency_ns": passed * 1e9,
                "density": density,
                "flow": flow,
                **picture_of(road),
                "cars": np.array([cars]),
            },
            {"calls": passed.size, "steps": road_model.STEPS_PER_FRAME},
        )


def predict(cars: int, limit: int, hesitation: float) -> Curve:
    """Flow against density: exact where it is known, otherwise what would flow if no jam formed by itself."""
    return road_model.expected_on_ring(cars, limit, hesitation)


CHARTS = (
    moving_road("The ring, cut open and laid flat"),
    flow_against_density(
        Axis("cars per km", 0, PER_KM),
        Axis("cars a minute", 0, 0.9 * PER_MIN),
        point,
        moments,
        "20 s of it",
        bound="at most",
    ),
    trip_times("laps", "empty ring", (15e9, 3_000e9), {2e10: "20 s", 1e11: "100 s", 1e12: "1,000 s"}, 1.0, 0.9),
)


def say(run: Record) -> str:
    """Cars per minute, against what theory expects, and how long a lap takes."""
    model, (density, flow) = predict(**run.parameters), point(run)
    theory = (
        f"exact: {model.here[1]:.1f}" if model.exact else f"at most {model.here[1]:.1f}, if no jam formed by itself"
    )
    said = f"{density:.0f} cars per km: {flow:.1f} cars a minute pass ({theory})."
    return f"{said} A lap takes {percentile(latencies_of(run), 0.5) / 1e9:.0f} s (p50), on an empty ring {model.trip_s:.0f} s."


CHANGES = {**road_model.CHANGES, "cars": "With {} cars on the ring instead of {}"}


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    return f"{chosen['cars']} cars drive round a ring of {KM:g} km: one lane, {road_model.drivers_said(chosen)}."


def finding(run: Record, pinned: Record | None) -> str | None:
    """How many cars pass, and how long a lap takes; beside another ring, what became of the flow."""
    if not latencies_of(run).size:
        return None
    flow, lap = count(point(run)[1]), road_model.trip_text(run)
    if pinned is not None and (said := road_model.changed_said(run, pinned, CHANGES)):
        return f"{said}, the flow is {against(flow, count(point(pinned)[1]))} (cars per minute past the checkpoint)."
    return f"With {run.parameters['cars']} cars on the ring, {flow} cars a minute pass the checkpoint; a lap takes {lap} (p50)."


TABLE = table_of(
    ("cars a minute, by the detectors", lambda run: f"{point(run)[1]:.1f}"),
    ("cars per km", lambda run: f"{point(run)[0]:.0f}"),
    ("laps", lambda run: count(latencies_of(run).size)),
    ("lap, p50", lambda run: f"{percentile(latencies_of(run), 0.5) / 1e9:.0f} s"),
    ("lap, p90", lambda run: f"{percentile(latencies_of(run), 0.9) / 1e9:.0f} s"),
    heading="this run",
)


MORE, SAME, LESS = "four times as many", "about as many", "less than half as many"


def what_four_times_the_cars_do(few: Record, many: Record) -> Outcome | None:
    """By what the detectors saw; None for a flow that cannot be."""
    if min(latencies_of(run).size for run in (few, many)) < MIN_LAPS:
        return None
    flows = [point(run)[1] for run in (few, many)]
    times = flows[1] / flows[0]
    return (
        Outcome(LESS, f"×{number(times)}, {count(flows[0])} and {count(flows[1])} cars a minute")
        if times < 0.5
        else None
    )


PREDICTION = Prediction(
    question="20 cars drive round a ring of 0.9 km, none hesitates. Then there are 80. How many pass the checkpoint per minute?",
    choices={
        MORE: Answer(
            "That would need 80 cars at full speed, with six cells each: there are 120 cells, so it cannot be."
        ),
        SAME: Answer("A plain queue would go on at its capacity. Cars cannot: they need free cells to drive into."),
        LESS: Answer(
            "Four times the cars are no loss as long as they have room.",
            "A car drives into free cells, and 80 cars leave 40 free cells of 120, where 20 cars leave 100. This is a jam: more "
            "cars on the road, and fewer per minute.",
        ),
    },
    runs=({"cars": FEW, "hesitation": 0.0}, {"cars": MANY, "hesitation": 0.0}),
    find=what_four_times_the_cars_do,
)


def lab() -> Lab:
    return Lab(
        question="How many cars get through a road that is this full?",
        experiment=experiment,
        predict=predict,
        controls={
            "cars": slider(5, 100, FEW, 5, unit="cars", label="cars on the ring"),
            "limit": values_slider(LIMITS, 135, unit="km/h", label="speed limit"),
            "hesitation": slider(0, 0.5, 0.0, 0.1, unit="per s", whole=False),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, empty="No car has come round so far."),
        table=TABLE,
        finding=finding,
        scenario=scenario,
        budget_s=4.0,
    )
