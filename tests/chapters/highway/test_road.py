"""The road: faster cars are not a faster road, and the picture is the state of the simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from turns import side_by_side

from perflab.chapters.highway import road, road_model
from perflab.chapters.highway.road_model import CELLS, KMH_PER_CELL, LIMITS, PER_KM, PER_MIN, throughput_per_min
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge
from perflab.theory.traffic import expected_flow

START = {"lanes": 1, "cars": 15, "limit": 135, "hesitation": 0.2}


@pytest.fixture(autouse=True)
def no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation at full speed, without a pause for the picture."""
    monkeypatch.setattr(road_model, "FRAME_S", 0.0)


def driven(frames: int = 120, seed: int = 4, **changes: Any) -> Record:
    chosen = {**START, **changes}
    slices = road.experiment(**chosen, seed=seed)
    measured = [next(slices) for _ in range(frames)]
    sizes = {"latency_ns": tuple(frame.samples["latency_ns"].size for frame in measured)}
    return Record("road", chosen, 4, "", merge(measured), 8.0, "complete", sizes=sizes)


def test_a_higher_limit_shortens_the_trip_more_than_it_raises_the_flow() -> None:
    slow, fast = driven(cars=30, limit=54), driven(cars=30, limit=135)
    trips = [np.median(driven(cars=5, limit=limit).column("latency_ns")) for limit in (54, 135)]
    assert trips[0] > 2 * trips[1]
    assert throughput_per_min(fast) < 1.8 * throughput_per_min(slow)


def test_on_a_quiet_road_what_comes_gets_through() -> None:
    assert throughput_per_min(driven(cars=10, frames=600)) == pytest.approx(10, rel=0.25)


def test_two_lanes_carry_more_than_one() -> None:
    one, two = (driven(cars=80, lanes=lanes) for lanes in (1, 2))
    assert throughput_per_min(two) > 1.6 * throughput_per_min(one)


@pytest.mark.long
@pytest.mark.parametrize(("limit", "at_most"), [(27, 30), (54, 40), (81, 45), (108, 48), (135, 50)])
def test_the_entrance_is_no_bottleneck_without_hesitation_a_lane_carries_its_exact_flow(
    limit: int, at_most: float
) -> None:
    full = driven(cars=150, limit=limit, hesitation=0.0, frames=600)
    assert throughput_per_min(full) == pytest.approx(at_most, rel=0.01)
    assert road.predict(**full.parameters).here[1] == pytest.approx(at_most, rel=1e-9), "and so says the line"


@pytest.mark.long
def test_where_cars_wait_for_a_lane_more_lanes_make_the_trip_many_times_shorter_and_on_an_empty_road_they_do_not() -> (
    None
):
    busy, quiet = (
        [np.median(driven(cars=cars, lanes=lanes, hesitation=0.3).column("latency_ns")) for lanes in (1, 2)]
        for cars in (40, 10)
    )
    assert busy[0] > 3 * busy[1]
    assert quiet[0] == pytest.approx(quiet[1], rel=0.1)


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
    here = road.predict(lanes, cars, limit, hesitation).here
    curve = expected_flow(here[0] / PER_KM, limit // KMH_PER_CELL, hesitation, lanes)
    assert float(curve) * PER_MIN == pytest.approx(here[1], rel=1e-9)
    assert here[0] <= 0.5 * PER_KM


def test_arriving_cars_are_counted_and_not_taken_from_the_slider() -> None:
    record = driven(cars=10, frames=600)
    arrived = road.offered_per_min(record)
    assert arrived == pytest.approx(10, rel=0.35) and arrived != 10
    assert f"{arrived:.0f} arrived meanwhile (10 on average)" in road.lab().verdict(record, None).text
    assert throughput_per_min(record) <= arrived + 2, "two may have been on the road at the beginning"


def test_a_road_that_is_too_full_has_no_percentile_but_a_queue() -> None:
    verdict = road.lab().verdict(driven(cars=100), None).text
    assert "Saturated" in verdict
    assert "p90" not in verdict


def test_a_run_of_a_hundred_trips_has_no_p99() -> None:
    run = driven(80)
    assert "p90" in road.lab().verdict(run, None).text
    assert not any("99" in row[0] for row in road.TABLE(run, None))


def test_a_blocked_road_is_said() -> None:
    assert road.lab().verdict(Record("road", START, 1, "", Frame({}, {"steps": 10})), None).kind == "invalid"


def test_runs_are_compared() -> None:
    found = road.lab().verdict(*side_by_side(driven(cars=10, limit=27), driven(cars=10)))
    assert "above the pinned run" in found.text
    assert found.kind == "clear"


def pair(seed: int = 4) -> tuple[Record, Record]:
    slow, fast = (driven(80, seed, **{"lanes": 2, "hesitation": 0.3, **asked}) for asked in road.PREDICTION.runs)
    return slow, fast


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
def test_the_click_settles_the_prediction(seed: int) -> None:
    found = road.what_the_limit_does(*pair(seed))
    assert found is not None and found.choice == road.GAPS
    assert "cars a minute" in found.measured and found.measured.startswith("×1.")


def through(cars: int, limit: int, slices: int = 80) -> Record:
    each = np.full(slices, cars // slices)
    frame = Frame({"latency_ns": np.full(each.sum(), 3e10)}, {"steps": 2 * slices})
    return Record("road", {**START, "limit": limit}, 1, "", frame, sizes={"latency_ns": tuple(each)})


def test_a_gain_that_cannot_be_or_of_too_few_slices_settles_nothing() -> None:
    slow = through(160, 54)
    assert road.what_the_limit_does(slow, through(240, 135)) is not None
    for fast in (through(160, 135), through(400, 135), through(80, 135), through(60, 135, 20), through(0, 135)):
        assert road.what_the_limit_does(slow, fast) is None


def test_each_outcome_has_its_reason_and_what_cannot_be_is_named() -> None:
    for choice, answer in road.PREDICTION.choices.items():
        assert bool(answer.reason) == (choice == road.GAPS)
        assert choice == road.GAPS or "cannot" in answer.misconception


def on_the_road(through: int = 80, trip_s: float = 40, waiting: int = 0, arrived: int = 82, **changes: Any) -> Record:
    """A minute of a road."""
    frame = Frame(
        {"latency_ns": np.full(through, trip_s * 1e9)}, {"steps": 60, "arrived": arrived}, {"waiting": waiting}
    )
    return Record("road", {**START, **changes}, 1, "", frame, 4.0, "complete")


def test_the_headline_is_what_gets_through_and_the_trip_or_the_queue() -> None:
    lab = road.lab()
    assert (
        lab.found(on_the_road(), None)
        == "82 cars a minute arrive and 80 get through; half of the trips take up to 40 s."
    )
    full = on_the_road(48, 90, waiting=30)
    assert lab.found(full, None) == "48 cars a minute get through, 82 arrive, and 30 are waiting."
    assert lab.found(driven(), None).endswith(" s.")
    assert road_model.finding(on_the_road(0), None) is None


def test_beside_another_road_the_headline_is_what_became_of_the_trip_or_of_what_gets_through() -> None:
    quick, slow = on_the_road(), on_the_road(82, 91, limit=54)
    said = "At 135 km/h instead of 54, a trip takes 40 s instead of 91 s (p50); 80 cars a minute get through."
    assert road.lab().found(*side_by_side(quick, slow)) == road_model.finding(quick, slow) == said
    full = on_the_road(48, 90, waiting=30, lanes=2), on_the_road(24, 200, waiting=90)
    assert road_model.finding(*full) == (
        "With 2 lanes instead of 1, 2.0 times as many cars get through (per minute: 48 instead of 24)."
    )
    assert road_model.finding(on_the_road(150, 90, cars=150), full[1]) == (
        "With 150 arriving cars per minute instead of 15, 6.2 times as many cars get through (per minute: 150 instead of 24)."
    )
    same = road_model.finding(on_the_road(24, 90, hesitation=0.5), full[1])
    assert same == "With hesitation 0.5 instead of 0.2, 1.0 times as many cars get through (per minute: 24, as before)."
    for other in (quick, on_the_road(limit=54, lanes=2), on_the_road(0, limit=54)):
        assert road_model.finding(quick, other) == road_model.finding(quick, None)


def test_the_longest_headline_fits() -> None:
    for name, control in road.lab().controls.items():
        for waiting in (0, 500):
            run, other = (
                on_the_road(200, 999, waiting, 200, **{name: end}) for end in (control.values[-1], control.values[0])
            )
            assert len(road_model.finding(run, other) or "") <= 120 and len(road_model.finding(run, None) or "") <= 120


def test_what_is_done_is_said() -> None:
    assert road_model.scenario(START) == (
        "15 cars per minute arrive at random at 0.9 km of road: one lane, a limit of 135 km/h, and drivers hesitate in 20% of "
        "the seconds."
    )
    assert road_model.scenario({**START, "lanes": 4, "hesitation": 0.0}).endswith(
        ": 4 lanes, a limit of 135 km/h, and no driver hesitates."
    )
