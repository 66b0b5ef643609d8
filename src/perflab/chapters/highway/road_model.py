"""A road in km and minutes: how it is built of cells, what theory expects on it, what detectors saw, and what is said of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.chapters.findings import against, change_said
from perflab.chapters.highway.flow import Curve
from perflab.lab import Record, latencies_of
from perflab.measure import count, number, percent, percentile
from perflab.theory.traffic import CELL_M, Road, expected_flow, free_density, is_exact

CELLS, KMH_PER_CELL = 120, 27
KM = CELLS * CELL_M / 1_000
LIMITS = tuple(KMH_PER_CELL * cells for cells in range(1, 6))
PER_KM, PER_MIN = 1_000 / CELL_M, 60.0
DENSITIES = np.linspace(0.0, 1.0, 121)
SATURATED_QUEUE = 20
MOMENT_STEPS, STEPS_PER_FRAME, FRAME_S = 20, 2, 0.05


def empty_road(lanes: int, limit: int, hesitation: float) -> Road:
    """The road, before the first car."""
    return Road(CELLS, lanes, limit // KMH_PER_CELL, hesitation)


def ring(cars: int, limit: int, hesitation: float, generator: np.random.Generator) -> Road:
    """The same road bent into a ring of one lane, with so many cars at rest in random places."""
    road = Road(CELLS, 1, limit // KMH_PER_CELL, hesitation, closed=True)
    road.fill(cars / CELLS, generator)
    return road


def expected(lanes: int, cars: float, limit: int, hesitation: float) -> Curve:
    """Of a road at which so many cars arrive per minute. More than the peak of the curve does not get through."""
    fastest = limit // KMH_PER_CELL
    peak = float(expected_flow(DENSITIES, fastest, hesitation, lanes).max())
    wanted = min(cars / PER_MIN / lanes, peak)
    return _curve(fastest, hesitation, lanes, (free_density(wanted, fastest, hesitation, lanes), wanted))


def expected_on_ring(cars: float, limit: int, hesitation: float) -> Curve:
    """Of a ring with so many cars."""
    fastest, density = limit // KMH_PER_CELL, cars / CELLS
    return _curve(fastest, hesitation, 1, (density, float(expected_flow(density, fastest, hesitation))))


def _curve(fastest: int, hesitation: float, lanes: int, here: tuple[float, float]) -> Curve:
    flow = expected_flow(DENSITIES, fastest, hesitation, lanes)
    exact = is_exact(fastest, hesitation, lanes)
    # Free cars drive v − p cells a step.
    trip_s = CELLS / (fastest - hesitation)
    return Curve(DENSITIES * PER_KM, flow * PER_MIN, exact, (here[0] * PER_KM, here[1] * PER_MIN), trip_s)


def picture_of(road: Road) -> dict[str, NDArray[np.int16]]:
    """Where each car is, for the picture of the road: a frame's columns."""
    return {name: getattr(road, name).astype(np.int16) for name in ("position", "lane", "speed")}


def moments(run: Record, steps: int = MOMENT_STEPS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cars per km and cars a minute, per lane, by the detectors; means over so many steps."""
    density, flow = run.column("density") * PER_KM, run.column("flow") * PER_MIN
    whole = density.size // steps * steps
    return density[:whole].reshape(-1, steps).mean(axis=1), flow[:whole].reshape(-1, steps).mean(axis=1)


def point(run: Record) -> tuple[float, float]:
    """The means of both over the run."""
    density, flow = moments(run, 1)
    return float(density.mean()), float(flow.mean())


def throughput_per_min(run: Record) -> float:
    """Cars per minute past the checkpoint at the end of the road."""
    return PER_MIN * latencies_of(run).size / max(1, run.count("steps"))


def offered_per_min(run: Record) -> float:
    """Cars per minute that arrived at the entrance."""
    return PER_MIN * run.count("arrived") / max(1, run.count("steps"))


def trip_text(run: Record, share: float = 0.5) -> str:
    """A percentile of the trip times. It has no interval: cars of one road hold each other up."""
    return f"{percentile(latencies_of(run), share) / 1e9:.0f} s"


CHANGES = {
    "lanes": "With {} lane{s} instead of {}",
    "cars": "With {} arriving cars per minute instead of {}",
    "limit": "At {} km/h instead of {}",
    "hesitation": "With hesitation {:g} instead of {:g}",
}


def changed_said(record: Record, pinned: Record | None, changes: Mapping[str, str]) -> str:
    """What was changed between two runs, as the beginning of a sentence; "" where it is not one thing, or no car got through."""
    changed = only_change(record, pinned)
    if pinned is None or not changed or not latencies_of(pinned).size:
        return ""
    return change_said(changed, record, pinned, changes)


def finding(record: Record, pinned: Record | None) -> str | None:
    """What gets through, and how long a trip takes; beside another road, what became of both."""
    if not latencies_of(record).size:
        return None
    saturated = [run for run in (record, pinned) if run is not None and run.fact("waiting", 0) > SATURATED_QUEUE]
    through, waiting = throughput_per_min(record), count(record.fact("waiting", 0))
    if pinned is not None and (said := changed_said(record, pinned, CHANGES)):
        before = throughput_per_min(pinned)
        if saturated:
            per_min = against(count(through), count(before))
            return f"{said}, {number(through / before)} times as many cars get through (per minute: {per_min})."
        trips = against(trip_text(record), trip_text(pinned))
        return f"{said}, a trip takes {trips} (p50); {count(through)} cars a minute get through."
    if saturated:
        return f"{count(through)} cars a minute get through, {count(offered_per_min(record))} arrive, and {waiting} are waiting."
    said = f"{count(offered_per_min(record))} cars a minute arrive and {count(through)} get through"
    return f"{said}; half of the trips take up to {trip_text(record)}."


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    lanes = f"{chosen['lanes']} lanes" if chosen["lanes"] > 1 else "one lane"
    return f"{chosen['cars']} cars per minute arrive at random at {KM:g} km of road: {lanes}, {drivers_said(chosen)}."


def drivers_said(chosen: Mapping[str, Any]) -> str:
    """The speed limit, and how often drivers hesitate."""
    often = f"drivers hesitate in {percent(chosen['hesitation'])} of the seconds" if chosen["hesitation"] else ""
    return f"a limit of {chosen['limit']} km/h, and {often or 'no driver hesitates'}"
