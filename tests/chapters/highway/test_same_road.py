"""The server as a road: its flow stays where a road's falls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from labs import measure
from replays import agrees

from perflab.chapters.highway import same_road
from perflab.chapters.highway.road_model import DENSITIES
from perflab.chapters.load import Load
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.theory.simulate import simulate

START = {"lanes": 2, "rate": 50, "trip": 20}


def simulated(seed: int = 1, lateness_ns: int = 10_000, **changes: Any) -> Record:
    chosen = {**START, **changes}
    generator = np.random.default_rng(seed)
    came = np.sort(generator.uniform(0, 3, 3 * chosen["rate"]))
    run = simulate(came, generator.exponential(chosen["trip"] / 1e3, came.size), chosen["lanes"])
    order = np.argsort(run.departures)[: np.searchsorted(np.sort(run.departures), 3.0)]
    ns = {name: getattr(run, column)[order] * 1e9 for name, column in NAMES.items()}
    samples = {
        **ns,
        "arrived_s": came,
        "completed_s": run.departures[order],
        "lateness_ns": np.full(came.size, lateness_ns),
    }
    samples["latency_ns"] = ns["done_ns"] - ns["arrived_ns"]
    facts = {"elapsed_s": 3.0, "in_flight": came.size - order.size}
    return Record("same_road", chosen, 1, "", Frame(samples, {"calls": order.size}, facts), 3.0, "complete")


NAMES = {"arrived_ns": "arrivals", "started_ns": "starts", "done_ns": "departures"}


def test_the_models_flow_rises_to_the_capacity_and_stays_there() -> None:
    expected = same_road.predict(**START)
    assert np.all(np.diff(expected.flow) >= 0)
    assert expected.flow[-1] == pytest.approx(100)
    assert expected.here == pytest.approx((50 * expected.response_s, 50))
    assert same_road.predict(**{**START, "rate": 200}).here == (same_road.MAX_INSIDE, pytest.approx(100))


def test_measured_points_lie_near_the_model() -> None:
    inside, flow = np.mean([same_road.point(simulated(seed)) for seed in range(20)], axis=0)
    expected = same_road.predict(**START)
    assert inside == pytest.approx(expected.here[0], rel=0.2)
    assert flow == pytest.approx(expected.here[1], rel=0.1)


def test_parts_of_a_run_average_to_the_whole() -> None:
    record = simulated()
    inside, flow = same_road.inside_and_flow(record, 6)
    assert (inside.mean(), flow.mean()) == pytest.approx(same_road.point(record))


@pytest.mark.clock
def test_a_real_server_is_replayed_by_its_own_service_times() -> None:
    frame = measure(same_road.lab(), 5.0)
    record = Record("same_road", START, 1, "", frame, 3.0, "complete")
    assert agrees(Load(record).replay(record.parameters["lanes"]), record)


@pytest.mark.clock
def test_a_full_server_goes_on_at_its_capacity_and_is_called_saturated() -> None:
    frame = measure(same_road.lab(), 5.0, rate=200)
    record = Record("same_road", {**START, "rate": 200}, 1, "", frame, 3.0, "complete")
    assert 60 < same_road.point(record)[1] < 125
    said = same_road.lab().verdict(record, None).text
    assert "Saturated" in said
    assert "p99" not in said


def test_a_generator_that_is_late_shows_no_times() -> None:
    assert "too slow" in same_road.lab().verdict(simulated(lateness_ns=10**9), None).text


def test_runs_are_compared() -> None:
    found = same_road.lab().verdict(simulated(trip=10), simulated(trip=40, lanes=8))
    assert "below the pinned run" in found.text
    assert len(same_road.TABLE(simulated(), simulated())[0]) == 3


@pytest.mark.parametrize(("rate", "share"), [(50, 0.5), (100, 1.0), (200, 1.0)])
def test_the_road_beside_carries_the_same_share_of_what_it_can(rate: int, share: float) -> None:
    """Two lanes of 20 ms do 100/s. A lane of cars of v = 4 cells does v/(v + 1) a step, at a density of share/(v + 1)."""
    beside = same_road.predict(**{**START, "rate": rate}).road
    assert beside.exact
    assert beside.here == pytest.approx((share / 5 * 1000 / 7.5, share * 48))
    assert beside.flow.max() == pytest.approx(48) and beside.flow[-1] == pytest.approx(0), (
        "and less when it is overfull"
    )


def test_the_prediction_is_settled_by_a_quiet_server_with_twice_the_lanes() -> None:
    quiet, wide = simulated(lanes=2, rate=100, trip=5), simulated(lanes=4, rate=100, trip=5)
    assert same_road.PREDICTION.settle([quiet]) is None
    assert same_road.PREDICTION.settle([quiet, wide]) == "about as long"
    for busy in ({"lanes": 1, "rate": 50}, {"lanes": 2, "rate": 150}):
        runs = [simulated(**{**busy, "lanes": busy["lanes"] * times}, trip=5) for times in (1, 2)]
        assert same_road.PREDICTION.settle(runs) is None


def test_the_hint_nearly_always_leads_to_the_right_answer() -> None:
    found = [
        same_road.PREDICTION.settle(
            [simulated(seed, lanes=2, rate=100, trip=5), simulated(10_000 + seed, lanes=4, rate=100, trip=5)]
        )
        for seed in range(200)
    ]
    assert found.count("about as long") >= 0.95 * len(found)


def test_the_offered_load_is_counted_and_not_taken_from_the_slider() -> None:
    record = simulated()
    record.frame.samples["arrived_s"] = record.column("arrived_s")[:-30]  # type: ignore[index]
    assert "of 40 offered" in same_road.lab().verdict(record, None).text


@pytest.mark.parametrize(
    ("growing", "said"),
    [(True, "the queue grew: 55 requests are still in flight"), (False, "these lanes can do, 100/s.")],
)
def test_at_its_capacity_the_queue_is_said_to_grow_only_where_it_did(growing: bool, said: str) -> None:
    came = np.sort(np.random.default_rng(1).uniform(0, 3, 300))
    done = came + 0.05 if not growing else np.linspace(0.05, 3.0, 245)
    samples = {"arrived_s": came, "completed_s": done, "latency_ns": np.full(done.size, 5e7)}
    facts = {"elapsed_s": 3.0, "in_flight": came.size - done.size}
    record = Record("same_road", {**START, "rate": 100}, 1, "", Frame(samples, {}, facts), 3.0, "complete")
    found = same_road.lab().verdict(record, None).text
    assert said in found and "Saturated" not in found and ("grew" in found) == growing


def test_nothing_answered_is_no_flow() -> None:
    assert same_road.lab().verdict(Record("same_road", START, 1, ""), None).kind == "invalid"
    assert same_road.TABLE(Record("same_road", START, 1, ""), None) == []


def test_the_road_to_compare_with_is_drawn_with_the_place_where_it_is_as_busy() -> None:
    chart, artists = drawn(same_road.CHARTS[0])
    chart.show_model(START, same_road.predict(**START))
    assert len(points(artists["exact"])) == DENSITIES.size
    assert points(artists["as busy"]) == [pytest.approx((100 / 7.5, 24))]


def test_a_late_run_has_no_trip_times_on_the_chart() -> None:
    for late_ns, shares in ((10_000, 1.0), (10**9, 0.0)):
        chart, artists = drawn(same_road.CHARTS[2])
        chart.show_run(simulated(lateness_ns=late_ns))
        assert artists["this run"].get_data().values.sum() == pytest.approx(shares)


def test_how_far_a_run_can_be_trusted_stands_apart() -> None:
    run = simulated()
    trusted = dict(row[:2] for row in same_road.lab().trust(run, None))
    assert "apart" in trusted["queue replayed, mean"] and trusted["due; sent per second"] == "50; 50"
    assert not trusted.keys() & dict(row[:2] for row in same_road.TABLE(run, None)).keys() - {""}
