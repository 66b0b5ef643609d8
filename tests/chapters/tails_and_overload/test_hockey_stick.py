"""The hockey stick: its model is that of its runs, the tail leaves first, in words, on the chart, and on a real server."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from matplotlib.figure import Figure
from predictions import assert_each_comment_fits
from relations import assert_more
from replays import agrees
from tail_records import queue_record
from turns import side_by_side

from perflab.chapters.load import Load
from perflab.chapters.tails_and_overload import hockey_stick
from perflab.chapters.tails_and_overload import hockey_stick_model as model
from perflab.chapters.tails_and_overload.hockey_stick_model import CONSTANT, EXPONENTIAL, KINDS, LOADS, TWO_KINDS
from perflab.lab import Outcome, Record
from perflab.lab.labels import _dense
from perflab.lab.picture import Picture
from perflab.measure.frame import Frame, merge
from perflab.measure.percentiles import percentile
from perflab.theory.simulate import lindley

LAB = hockey_stick.lab()
MEAN_AND_P99 = [model.STATISTICS[name] for name in ("mean", "p99")]
TRIP = {"trip_ms": 0.3}


@pytest.mark.parametrize("kind", KINDS)
def test_services_have_the_moments_that_the_formula_is_given(kind: str) -> None:
    times = model.service_times(kind, 2.0, 100_000, 3)
    assert times.mean() == pytest.approx(2.0, rel=0.02)
    assert (times**2).mean() == pytest.approx(4 * model.second_moment(kind), rel=0.03)
    assert not np.array_equal(times, model.service_times(kind, 2.0, 100_000, 4)) or kind == CONSTANT


def test_the_long_run_is_the_known_one() -> None:
    at = {load: place for place, load in enumerate(LOADS.tolist())}
    for kind, means_ms in ((EXPONENTIAL, (4, 20)), (CONSTANT, (3, 11)), (TWO_KINDS, (5.25, 31.25))):
        found = model.predict(50, kind, 2, {"trip_ms": 0.0}).long_run_ns / 1e6
        assert found[[at[50], at[90]]] == pytest.approx(means_ms)
        assert np.isnan(found[at[102]]), "in the long run the queue grows without end"


@pytest.mark.parametrize(("kind", "service"), [(CONSTANT, 2), (EXPONENTIAL, 2), (TWO_KINDS, 5)])
def test_the_model_is_near_the_medians_of_many_other_runs(
    kind: str, service: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = np.array([10, 50, 70, 90])
    shown = model.typical_ms(kind, service)[:, np.searchsorted(LOADS, some)]
    for name, value in (("LOADS", some), ("SEEDS", range(5_000, 5_300))):
        monkeypatch.setattr(model, name, value)
    others = model.typical_ms.__wrapped__(kind, service)
    assert shown == pytest.approx(others, rel=0.25)
    assert np.abs(np.log(shown / others)).mean() < 0.07


@pytest.mark.long
def test_what_the_notebook_says_of_the_tail_is_so() -> None:
    at = {load: place for place, load in enumerate(LOADS.tolist())}
    p99s = [model.statistics_ms(CONSTANT, 2, seed)[2, at[90]] for seed in range(5_000, 5_200)]
    assert np.quantile(p99s, [0.1, 0.9]) == pytest.approx([20, 45], rel=0.1)
    found = model.predict(50, EXPONENTIAL, 2, {"trip_ms": 0.3})
    assert np.interp(20e6, found.p99_ns, LOADS) == pytest.approx(55, abs=4)
    assert 90 < np.interp(20e6, found.mean_ns, LOADS) < 96


@pytest.mark.parametrize("kind", model.KINDS)
def test_all_loads_at_once_are_the_same_as_one_after_the_other(kind: str) -> None:
    found = model.statistics_ms(kind, 5, 9)
    moments = np.cumsum(np.random.default_rng((9, 1)).exponential(1.0, 1_000))
    services = model.service_times(kind, 5, 1_000, 9)
    for load, *told in zip(LOADS, *found, strict=True):
        arrivals = (moments * 500 / load)[moments * 500 / load < 1e3 * model.RUN_S]
        responses = lindley(arrivals, services[: arrivals.size]) + services[: arrivals.size]
        done = responses[arrivals + responses <= 1e3 * model.RUN_S]
        assert told == pytest.approx([statistic(done) for statistic in model.STATISTICS.values()])


def test_the_trip_is_in_every_number() -> None:
    without, with_trip = (model.predict(50, EXPONENTIAL, 2, {"trip_ms": trip}) for trip in (0.0, 0.5))
    for name in ("mean_ns", "p50_ns", "p99_ns"):
        assert getattr(with_trip, name) - getattr(without, name) == pytest.approx(np.full(LOADS.size, 5e5))


def test_the_load_of_a_run_is_that_of_what_arrived() -> None:
    record = queue_record(80)
    arrived = record.column("arrived_s").size
    assert model.offered_load(record) == pytest.approx(100 * arrived * 0.002 / model.RUN_S, rel=1e-6)
    assert 70 < model.offered_load(record) < 90
    assert model.offered_load(queue_record(150, seed=2)) > 120, "also what is not served yet"
    assert np.isnan(model.offered_load(Record("hockey_stick", {}, 1, "")))


@pytest.mark.long
def test_the_tail_of_constant_services_grows_about_three_times_as_much_as_their_mean() -> None:
    found = [
        model.tail_over_mean(queue_record(50, seed=seed), queue_record(90, seed=seed + 1_000)) for seed in range(40)
    ]
    assert np.median([ratio.value for ratio in found]) == pytest.approx(3.1, rel=0.15)
    assert sum(ratio.low < 3.1 < ratio.high for ratio in found) >= 36
    assert sum(ratio.low > 1.5 for ratio in found) >= 36, "nearly all runs tell it from as much as the mean"


def test_where_nothing_grew_nothing_is_told() -> None:
    assert not model.tail_over_mean(queue_record(50), queue_record(50)).has_interval
    assert not model.tail_over_mean(queue_record(90), queue_record(50)).has_interval


def test_a_run_says_its_load_and_its_three_numbers() -> None:
    record = queue_record(90)
    said = LAB.verdict(record, None).text
    assert said.startswith(f"At {model.offered_load(record):.0f}% load: p50 ")
    assert "mean " in said and "p99 " in said and f"of {record.column('latency_ns').size} requests" in said
    assert "Saturated" not in said
    assert "Saturated" in LAB.verdict(queue_record(130, seed=2), None).text


def test_the_headline_is_the_tail_beside_the_mean() -> None:
    record = queue_record(90)
    p99, mean = percentile(record.column("latency_ns"), 0.99) / 1e6, record.column("latency_ns").mean() / 1e6
    assert LAB.found(record, None).endswith(f"1 request in 100 takes over {p99:.0f} ms; the mean is {mean:.2g} ms.")
    assert LAB.found(queue_record(10, service=10), None).startswith("At 8% load the mean is "), (
        "20 requests have no p99"
    )


def test_beside_another_load_the_headline_is_by_how_much_both_grew() -> None:
    calm, busy = side_by_side(queue_record(50), queue_record(90, seed=5))
    grown = [statistic(busy.column("latency_ns")) - statistic(calm.column("latency_ns")) for statistic in MEAN_AND_P99]
    for record, pinned in ((busy, calm), (calm, busy)):
        said = model.finding(record, pinned)
        assert said.startswith("From 50% to 93% load, the mean grew by"), said
        assert [float(number) for number in re.findall(r"by ([\d.]+) ms", said)] == pytest.approx(
            [each / 1e6 for each in grown], rel=0.05
        )


def test_the_headline_speaks_of_two_runs_only_where_one_control_was_changed() -> None:
    calm, mixed, slow = queue_record(50), queue_record(50, TWO_KINDS), queue_record(90, service=4, seed=5)
    alone = LAB.found(calm, None)
    assert "1 request in 100" in alone
    assert model.finding(calm, queue_record(50, seed=7)) == alone, "the same once more"
    assert model.finding(calm, queue_record(90, TWO_KINDS)) == alone
    assert model.finding(calm, queue_record(10, service=10)) == alone
    changed = model.finding(mixed, calm)
    p99 = [f"{percentile(run.column('latency_ns'), 0.99) / 1e6:.2g} ms" for run in (mixed, calm)]
    assert changed.startswith(
        f"With two kinds services, not constant, the p99 is {p99[0]} instead of {p99[1]}; the mean, "
    )
    other = model.finding(slow, queue_record(90, seed=5))
    assert (
        other.startswith("With services of 4 ms instead of 2 ms, the p99 is ")
        and len(max(changed, other, key=len)) <= 120
    )


def test_the_chart_shows_the_tail_of_these_very_requests_simulated() -> None:
    for kind in KINDS:
        record = queue_record(90, kind, seed=5)
        chart, artists = drawn(hockey_stick.CHARTS[0])
        chart.show_run(record, [record])
        ((load, shown),) = points(artists["p99, this run simulated"])
        assert load == model.offered_load(record)
        assert shown == pytest.approx(percentile(record.column("latency_ns"), 0.99), rel=1e-3)
    assert np.isnan(model.simulated_p99(Record("hockey_stick", LAB.check({}), 1, ""))).all()


def test_each_label_stands_nearest_to_its_own_curve() -> None:
    for kind in KINDS:
        expected = model.predict(90, kind, 2, TRIP)
        picture = Picture(hockey_stick.CHARTS[0], 440, 260, lambda png: None)
        picture.show_model({"load": 90, "kind": kind, "service": 2}, expected)
        picture.draw()
        axes: Any = picture._axes
        (label,) = (text for text in axes.texts if text.get_text() == "p50")
        left, bottom, right, top = label._box
        curves = {
            name: axes.transData.transform(np.transpose(hockey_stick.curve(name)(expected))) for name in ("p50", "p99")
        }
        middle = (left + right) / 2, (bottom + top) / 2
        away = {
            name: np.hypot(*(_dense(curve, left - 300, right + 300) - middle).T).min() for name, curve in curves.items()
        }
        assert away["p50"] < 0.7 * away["p99"], (kind, away)


def test_an_axis_does_not_say_that_it_is_logarithmic() -> None:
    for chart in hockey_stick.CHARTS:
        axes = Figure().subplots()
        chart.build(axes)
        assert "log" not in axes.get_xlabel() + axes.get_ylabel()


@pytest.mark.parametrize(
    ("kind", "told"), [("constant", "takes 2 ms"), ("exponential", "2 ms on average"), ("two kinds", "take 1 ms, the")]
)
def test_what_was_done_is_said(kind: str, told: str) -> None:
    said = hockey_stick.scenario({"load": 50, "kind": kind, "service": 2})
    assert "250 requests per second" in said and told in said


def test_a_late_generator_shows_no_times() -> None:
    record = queue_record(50)
    columns = {**record.frame.samples, "lateness_ns": np.full(10, 10**8)}
    late = LAB.verdict(replace(record, frame=replace(record.frame, samples=columns)), None)
    assert late.kind == "invalid" and "too late" in late.text
    assert LAB.found(replace(record, frame=replace(record.frame, samples=columns)), None) == ""


def test_a_run_lies_at_the_load_that_it_got() -> None:
    record = queue_record(90)
    chart, artists = drawn(hockey_stick.CHARTS[0])
    chart.show_run(record, [record])
    for name, statistic in model.STATISTICS.items():
        ((load, shown),) = points(artists["measured: mean" if name == "mean" else name])
        assert load == pytest.approx(model.offered_load(record))
        assert shown == pytest.approx(statistic(record.column("latency_ns")))


def test_the_axis_holds_the_tail_of_model_and_run() -> None:
    chart: Any = drawn(hockey_stick.CHARTS[0])[0]
    chart.show_model({"load": 50}, model.predict(50, "constant", 2, TRIP))
    assert chart._axes.get_ylim() == (0, 5e7)
    run = queue_record(110, "two kinds", 10, seed=3)
    chart.show_run(run, [run])
    assert chart._axes.get_ylim()[1] >= percentile(run.column("latency_ns"), 0.99) > 5e7


def test_each_request_is_on_the_heat_map() -> None:
    record = queue_record(90)
    due_s, times = hockey_stick.moments(record)
    assert due_s == pytest.approx(record.column("arrived_ns") / 1e9, abs=1e-6)
    chart, artists = drawn(hockey_stick.CHARTS[1])
    chart.show_run(record, [record])
    assert artists["0"].get_array().sum() == times.size


def test_the_chart_follows_runs_and_model() -> None:
    expected = model.predict(90, "constant", 2, TRIP)
    check_shows_all_and_can_be_emptied(
        hockey_stick.CHARTS[0], queue_record(90), queue_record(50), LAB.check({}), expected
    )


def outcome(calm: Record, busy: Record) -> Outcome | None:
    return LAB.prediction.outcome(side_by_side(calm, busy), LAB.check)  # type: ignore[union-attr]


def test_the_tail_settles_the_prediction_whatever_was_predicted() -> None:
    found = outcome(queue_record(50), queue_record(90, seed=5))
    assert found is not None and found.choice == hockey_stick.MORE
    assert "the mean grew from" in found.measured and "× (" in found.measured
    assert_each_comment_fits(hockey_stick.PREDICTION, found)


def test_runs_that_cannot_tell_settle_nothing() -> None:
    calm, busy = queue_record(50), queue_record(90, seed=5)
    short = replace(busy, frame=replace(busy.frame, facts={**busy.frame.facts, "elapsed_s": 1.0}))
    assert outcome(calm, short) is None
    assert outcome(calm, replace(queue_record(50, seed=9), parameters=busy.parameters)) is None, "it hardly grew"


def test_nothing_served_is_nothing_said() -> None:
    empty = Record("hockey_stick", LAB.check({}), 1, "", Frame({}, {}, {"elapsed_s": 1.0}))
    assert LAB.verdict(empty, None).kind == "invalid"


SEED = 5
"""Of arrivals with which the p99 grows more than fivefold."""


def run(**parameters: Any) -> Record:
    checked = LAB.check(parameters)
    return Record(
        "hockey_stick", checked, SEED, "", merge(hockey_stick.experiment(**checked, seed=SEED)), model.RUN_S, "complete"
    )


@pytest.mark.clock
def test_the_p99_of_a_real_server_grows_several_times_and_its_queue_is_replayed() -> None:
    records: dict[int, Record] = {}

    def p99(load: int) -> float:
        records[load] = run(load=load, kind="constant")
        return percentile(records[load].column("latency_ns"), 0.99)

    assert_more(lambda: p99(90), lambda: p99(50), 2, "p99 at 90% load against 50%")
    assert agrees(Load(records[90]).replay(), records[90])
    served_ns = records[90].column("done_ns") - records[90].column("started_ns")
    assert float(np.median(served_ns)) == pytest.approx(2e6, rel=0.1), "waits are as long as they should be"
    measured, (_, simulated) = percentile(records[90].column("latency_ns"), 0.99), model.simulated_p99(records[90])
    assert measured == pytest.approx(simulated, rel=0.1 + 3 * Load(records[90]).lateness_p99_ns / simulated)
