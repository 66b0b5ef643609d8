"""The ring: its density is chosen, and beyond the peak more cars are fewer per minute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from turns import side_by_side

from perflab.chapters.highway import ring, road_model
from perflab.chapters.highway.road_model import CELLS, LIMITS, PER_KM, point, throughput_per_min
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge

START = {"cars": 20, "limit": 135, "hesitation": 0.0}


@pytest.fixture(autouse=True)
def no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation at full speed, without a pause for the picture."""
    monkeypatch.setattr(road_model, "FRAME_S", 0.0)


def driven(frames: int = 80, seed: int = 2, **changes: Any) -> Record:
    chosen = {**START, **changes}
    slices = ring.experiment(**chosen, seed=seed)
    return Record("ring", chosen, seed, "", merge(next(slices) for _ in range(frames)), 4.0, "complete")


@pytest.mark.long
@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("cars", [5, 15, 20, 40, 80, 100])
def test_without_hesitation_both_branches_are_measured_on_the_exact_curve(cars: int, limit: int) -> None:
    run = driven(cars=cars, limit=limit)
    model = ring.predict(**run.parameters)
    assert model.exact
    assert point(run) == pytest.approx(model.here, rel=1e-9)
    speed = limit // 27
    assert model.here == pytest.approx((cars / CELLS * PER_KM, 60 * min(speed * cars / CELLS, 1 - cars / CELLS)))


@pytest.mark.long
@pytest.mark.parametrize("hesitation", [0.1, 0.3, 0.5])
def test_with_hesitation_the_flow_falls_too_and_stays_below_the_bound(hesitation: float) -> None:
    runs = [driven(cars=cars, hesitation=hesitation) for cars in (20, 40, 60, 80, 100)]
    flows = [point(run)[1] for run in runs]
    assert np.all(np.diff(flows) < 0)
    assert all(point(run)[1] < ring.predict(**run.parameters).here[1] for run in runs)


def test_cars_that_pass_and_the_detectors_agree_and_so_does_littles_law() -> None:
    run = driven(240, cars=60, hesitation=0.2)
    assert throughput_per_min(run) == pytest.approx(point(run)[1], rel=0.05)
    assert throughput_per_min(run) / 60 * run.column("latency_ns").mean() / 1e9 == pytest.approx(60, rel=0.05)


def test_every_lap_began_when_its_car_passed_the_end() -> None:
    """Also on the fullest ring: the first time round, which a car begins somewhere, is over before the run begins."""
    run = driven(cars=100, hesitation=0.5)
    assert run.column("latency_ns").min() / 1e9 == pytest.approx(60 * 100 / point(run)[1], rel=0.35)


def test_the_verdict_names_the_exact_flow_and_a_bound_where_it_is_none() -> None:
    verdict = ring.lab().verdict
    assert "22 cars per km: 50.0 cars a minute pass (exact: 50.0). A lap takes 24 s" in verdict(driven(), None).text
    assert "at most" in verdict(driven(hesitation=0.3), None).text
    assert verdict(Record("ring", START, 1, "", Frame({}, {"steps": 10})), None).kind == "invalid"


def test_the_click_settles_the_prediction() -> None:
    few, many = (driven(**asked) for asked in ring.PREDICTION.runs)
    found = ring.what_four_times_the_cars_do(few, many)
    assert found is not None and found.choice == ring.LESS
    assert "50 and 20 cars a minute" in found.measured


def test_too_few_laps_and_a_flow_that_cannot_be_settle_nothing() -> None:
    few = driven()
    assert ring.what_four_times_the_cars_do(few, driven(3, cars=80)) is None
    assert ring.what_four_times_the_cars_do(few, few) is None


def test_what_cannot_be_is_named() -> None:
    for choice, answer in ring.PREDICTION.choices.items():
        assert bool(answer.reason) == (choice == ring.LESS)
        assert choice == ring.LESS or "cannot" in answer.misconception.lower()


def test_the_headline_is_the_flow_and_beside_another_ring_what_became_of_it() -> None:
    lab, few, many = ring.lab(), driven(), driven(cars=80)
    assert (
        lab.found(few, None)
        == "With 20 cars on the ring, 50 cars a minute pass the checkpoint; a lap takes 24 s (p50)."
    )
    said = "With 80 cars on the ring instead of 20, the flow is 20 instead of 50 (cars per minute past the checkpoint)."
    assert lab.found(*side_by_side(many, few)) == ring.finding(many, few) == said and len(said) <= 120
    slower = ring.finding(many, driven(cars=80, limit=54))
    assert slower == "At 135 km/h instead of 54, the flow is 20, as before (cars per minute past the checkpoint)."
    empty = Record("ring", {**START, "cars": 80}, 1, "", Frame({}, {"steps": 10}))
    assert ring.finding(empty, None) is None
    for other in (few, empty, driven(cars=40, limit=54)):
        assert ring.finding(few, other) == ring.finding(few, None)


def test_what_is_done_is_said() -> None:
    assert ring.scenario(START) == (
        "20 cars drive round a ring of 0.9 km: one lane, a limit of 135 km/h, and no driver hesitates."
    )
    assert ring.scenario({**START, "hesitation": 0.5}).endswith("and drivers hesitate in 50% of the seconds.")
