"""The server as a road: its flow stays where a road's falls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing import drawn, points
from labs import measure
from replays import agrees
from turns import side_by_side

from perflab.chapters.findings import against
from perflab.chapters.highway import same_road, same_road_model
from perflab.chapters.highway.road_model import DENSITIES
from perflab.chapters.load import Load
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.measure.units import count, duration
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
    assert "p95" not in said


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


def pair(ratios: list[float]) -> tuple[Record, Record]:
    """Two runs measured in turns: each slice of the second takes so many times as long."""
    asked = same_road.PREDICTION.runs
    times = np.random.default_rng(1).exponential(5e6, (len(ratios), 15))
    columns = (times.ravel(), (times * np.array(ratios)[:, None]).ravel())
    sizes = {"latency_ns": (15,) * len(ratios)}
    narrow, wide = (
        Record("same_road", chosen, 1, "", Frame({"latency_ns": column}), turns="a", sizes=sizes)
        for chosen, column in zip(asked, columns, strict=True)
    )
    return narrow, wide


@pytest.mark.parametrize(("times", "choice"), [(0.5, same_road.HALF), (1.0, same_road.SAME), (1.6, same_road.LONGER)])
def test_the_click_settles_the_prediction_with_a_reason_for_each_outcome(times: float, choice: str) -> None:
    found = same_road.what_more_lanes_do(*pair([times * each for each in (0.98, 1.01, 1.0, 0.99, 1.02, 1.0, 1.01)]))
    assert found is not None and found.choice == choice
    assert found.measured.startswith(f"×{times:g}")
    for answer in (*same_road.PREDICTION.choices, None):
        assert same_road.PREDICTION.choices[choice].reason in same_road.PREDICTION.comment(answer, found)
    assert all(answer.misconception and answer.reason for answer in same_road.PREDICTION.choices.values())


def test_too_few_slices_or_slices_too_far_apart_settle_nothing() -> None:
    assert same_road.what_more_lanes_do(*pair([1.0] * 5)) is None
    assert same_road.what_more_lanes_do(*pair([0.61, 0.66, 0.7, 0.7, 0.72, 0.78, 0.8])) is None, (
        "quicker, and not by half"
    )
    assert same_road.what_more_lanes_do(*pair([0.3, 3.0, 0.5, 2.0, 1.0, 0.4, 1.5])) is None


def test_the_same_requests_through_twice_the_threads_take_about_as_long_in_a_simulation() -> None:
    narrow, wide = (simulated(seed=3, **asked) for asked in same_road.PREDICTION.runs)
    medians = [float(np.median(run.column("latency_ns"))) for run in (narrow, wide)]
    assert medians[0] / medians[1] == pytest.approx(1, rel=0.1)


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


def test_the_headline_is_the_response_time_or_what_a_full_server_gets_through() -> None:
    lab, record = same_road.lab(), simulated()
    mean, service = (float(each.mean()) for each in (record.column("latency_ns"), served_ns(record)))
    assert lab.found(record, None) == (
        f"A request takes {duration(mean)} on average, {duration(service)} of it in a thread; "
        f"{count(Load(record).throughput_per_s)} requests/s get through."
    )
    full = simulated(rate=200)
    through = count(Load(full).throughput_per_s)
    assert lab.found(full, None) == f"200 requests/s arrive and {through}/s get through: 2 threads can do 100/s."
    assert "1 thread can do 50/s" in lab.found(simulated(lanes=1), None)
    assert same_road_model.finding(Record("same_road", START, 1, ""), None) is None
    without = pair([1.0] * 7)[0]
    assert same_road_model.finding(without, None) is None, "no time has passed"
    assert lab.found(simulated(lateness_ns=10**9), None) == ""


def served_ns(record: Record) -> Any:
    return record.column("done_ns") - record.column("started_ns")


def test_beside_another_server_the_headline_is_what_became_of_the_response_time_or_the_throughput() -> None:
    narrow, wide = (simulated(seed=3, **asked) for asked in same_road.PREDICTION.runs)
    p50s = [duration(percentile(run.column("latency_ns"), 0.5)) for run in (wide, narrow)]
    said = f"With 4 threads instead of 2, a request takes {against(*p50s)} (p50)."
    assert same_road_model.finding(wide, narrow) == said
    slow, quick = simulated(trip=100, lanes=8), simulated(lanes=8)
    said = same_road.lab().found(*side_by_side(slow, quick))
    assert said.startswith("With 100 ms per request instead of 20, a request takes ")
    full, more = simulated(rate=200), simulated(rate=200, lanes=8)
    through = [count(Load(run).throughput_per_s) for run in (more, full)]
    assert same_road_model.finding(more, full) == (
        f"With 8 threads instead of 2, the throughput is {through[0]} instead of {through[1]} (requests/s)."
    )
    rates = same_road_model.finding(simulated(), full)
    assert rates is not None and rates.startswith(
        "With 50 requests arriving per second instead of 200, the throughput is "
    )
    for other in (narrow, simulated(), Record("same_road", {**START, **QUIET, "lanes": 4}, 1, "")):
        assert same_road_model.finding(narrow, other) == same_road_model.finding(narrow, None)


QUIET = same_road.QUIET


def test_the_longest_headline_fits() -> None:
    runs = [
        simulated(**{name: end})
        for name, control in same_road.lab().controls.items()
        for end in control.values[::100] + control.values[-1:]
    ]
    assert all(len(same_road_model.finding(run, other) or "") <= 120 for run in runs for other in (None, simulated()))


def test_what_is_done_is_said() -> None:
    assert same_road_model.scenario(START) == (
        "50 requests per second arrive at random for 3 s at a server with 2 threads; each takes 20 ms on average."
    )
    assert "with 1 thread;" in same_road_model.scenario({**START, "lanes": 1})
