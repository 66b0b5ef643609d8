"""The road: faster cars are not a faster road, and the picture is the state of the simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from turns import side_by_side

from perflab.chapters.highway import road
from perflab.chapters.highway.road_model import CELLS, KMH_PER_CELL, LIMITS, PER_KM, PER_MIN
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge
from perflab.theory.traffic import expected_flow

START = {"lanes": 1, "cars": 15, "limit": 135, "hesitation": 0.2, "accident": False}


@pytest.fixture(autouse=True)
def no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation at full speed: nobody watches."""
    monkeypatch.setattr(road, "FRAME_S", 0.0)


def driven(frames: int = 120, **changes: Any) -> Record:
    chosen = {**START, **changes}
    slices = road.experiment(**chosen, seed=4)
    frame = merge(next(slices) for _ in range(frames))
    return Record("road", chosen, 4, "", frame, 8.0, "complete")


def test_a_higher_limit_shortens_the_trip_more_than_it_raises_the_flow() -> None:
    slow, fast = driven(cars=30, limit=54), driven(cars=30, limit=135)
    trips = [np.median(driven(cars=5, limit=limit).column("latency_ns")) for limit in (54, 135)]
    assert trips[0] > 2 * trips[1]
    assert road.throughput_per_min(fast) < 1.8 * road.throughput_per_min(slow)


def test_on_a_quiet_road_what_comes_gets_through() -> None:
    assert road.throughput_per_min(driven(cars=10, frames=600)) == pytest.approx(10, rel=0.25)


def test_two_lanes_carry_more_than_one() -> None:
    one, two = (driven(cars=80, lanes=lanes) for lanes in (1, 2))
    assert road.throughput_per_min(two) > 1.6 * road.throughput_per_min(one)


def test_an_accident_fills_the_road_behind_it() -> None:
    clear, blocked = (driven(cars=50, lanes=2, accident=accident, frames=62) for accident in (False, True))
    assert blocked.column("density").mean() > 1.5 * clear.column("density").mean()
    assert blocked.fact("blocked") is False, "it is cleared at the end"
    assert driven(frames=10, accident=True).fact("blocked") is True


def test_the_newest_cars_are_where_the_simulation_has_them() -> None:
    record = driven(frames=5, cars=30)
    newest = int(record.column("cars")[-1])
    assert record.column("position").size == record.column("cars").sum()
    assert np.all(record.column("position")[-newest:] < CELLS)


def test_the_model_knows_what_is_exact() -> None:
    assert road.predict(**{**START, "hesitation": 0.0}).exact
    assert road.predict(**{**START, "limit": 27}).exact
    assert not road.predict(**{**START, "limit": 27, "lanes": 2}).exact
    assert not road.predict(**START).exact
    quiet = road.predict(**START)
    assert quiet.here[1] == pytest.approx(15)
    assert road.predict(**{**START, "cars": 150}).here[1] == pytest.approx(quiet.flow.max())


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(("lanes", "cars", "hesitation"), [(1, 5, 0.5), (1, 15, 0.0), (2, 20, 0.3), (4, 150, 0.2)])
def test_the_ring_lies_on_the_free_branch_of_its_own_curve(
    limit: int, lanes: int, cars: int, hesitation: float
) -> None:
    here = road.predict(lanes, cars, limit, hesitation, False).here
    curve = expected_flow(here[0] / PER_KM, limit // KMH_PER_CELL, hesitation, lanes)
    assert float(curve) * PER_MIN == pytest.approx(here[1], rel=1e-9)
    assert here[0] <= 0.5 * PER_KM


def test_arriving_cars_are_counted_and_not_taken_from_the_slider() -> None:
    record = driven(cars=10, frames=600)
    arrived = road.offered_per_min(record)
    assert arrived == pytest.approx(10, rel=0.35) and arrived != 10
    assert f"{arrived:.0f} arrived meanwhile (10 on average)" in road.lab().verdict(record, None).text
    assert road.throughput_per_min(record) <= arrived + 2, "two may have been on the road at the beginning"


def test_a_road_that_is_too_full_has_no_percentile_but_a_queue() -> None:
    verdict = road.lab().verdict(driven(cars=100), None).text
    assert "Saturated" in verdict
    assert "p99" not in verdict


def test_a_blocked_road_is_said() -> None:
    assert road.lab().verdict(Record("road", START, 1, "", Frame({}, {"steps": 10})), None).kind == "invalid"


def test_runs_are_compared() -> None:
    found = road.lab().verdict(*side_by_side(driven(cars=10, limit=27), driven(cars=10)))
    assert "above the pinned run" in found.text
    assert found.kind == "clear"


def test_the_prediction_is_settled_by_two_runs_that_differ_in_the_limit_only() -> None:
    slow, fast = driven(cars=30, limit=54), driven(cars=30)
    assert road.PREDICTION.settle([slow]) is None
    assert road.PREDICTION.settle([slow, driven(cars=35)]) is None
    assert road.PREDICTION.settle([slow, fast]) in road.PREDICTION.choices
    assert road.PREDICTION.settle([slow, fast]) == road.HARDLY


@pytest.mark.parametrize(
    ("fast", "choice"), [(250, road.MUCH), (180, road.MUCH), (125, road.HARDLY), (80, road.HARDLY), (60, road.FEWER)]
)
def test_each_gain_has_its_choice(fast: int, choice: str) -> None:
    def through(cars: int, limit: int) -> Record:
        frame = Frame({"latency_ns": np.full(cars, 3e10)}, {"steps": 200})
        return Record("road", {**START, "cars": 30, "limit": limit}, 1, "", frame)

    assert road.PREDICTION.settle([through(100, 54), through(fast, 135)]) == choice
    assert choice in road.PREDICTION.choices
