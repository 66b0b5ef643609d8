"""The cache restarts: the model, what shortens the overload, the words, the charts, and a real server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from cached_records import restart_record
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from predictions import assert_each_comment_fits
from turns import side_by_side

from perflab.chapters.caching_strategies import restart
from perflab.chapters.caching_strategies import restart_model as model
from perflab.chapters.caching_strategies.restart_model import (
    BINS,
    BOTH,
    BOUNDED,
    CURES,
    EDGES,
    FLUSH_S,
    NOTHING,
    RUN_S,
    SINGLE,
    TIMES,
    recovery_s,
)
from perflab.lab import Record
from perflab.measure.frame import Frame

LAB = restart.lab()
START = LAB.check({})


def recoveries(**changes: Any) -> list[float]:
    return [recovery_s(restart_record(seed, **changes)) for seed in range(1, 16)]


def test_a_store_that_can_carry_all_reads_is_well_at_once() -> None:
    assert np.median(recoveries(load=0.5)) == 0


def test_single_flight_and_a_bounded_queue_shorten_the_overload_and_both_do_most() -> None:
    found = {cure: float(np.mean(recoveries(cure=cure))) for cure in CURES if cure != NOTHING}
    alone = np.array(recoveries())
    assert 1.2 < np.median(alone) < 2.8 and np.count_nonzero(alone < 0.5) == 0
    assert found[BOTH] <= found[BOUNDED] < np.median(alone) / 1.7 and found[SINGLE] < np.median(alone) / 1.4
    assert 0.3 < found[BOTH] < 1


def test_single_flight_reads_each_key_once_and_a_bounded_queue_rejects() -> None:
    served, keys = model.reads_of_store(restart_record(cure=SINGLE))
    assert served <= keys * 1.03, "but for keys that were evicted in between"
    served, keys = model.reads_of_store(restart_record())
    assert served > 1.15 * keys
    assert restart_record(cure=BOUNDED).count("rejected") > 20 and restart_record().count("rejected") == 0


def test_before_the_flush_nearly_all_reads_hit_and_all_are_in_time() -> None:
    run = restart_record()
    assert model.hit_ratio_before(run) == pytest.approx(0.93, abs=0.03)
    assert (model.good_share(run)[EDGES[:-1] < FLUSH_S - 0.01] > 0.97).all()
    assert model.capacity(700) == 490 and len(model.held(700, 1)) == 490


def test_the_model_is_the_mean_of_such_runs() -> None:
    expected = LAB.predict(**START)  # type: ignore[misc]
    runs = [restart_record(seed) for seed in range(5, 25)]
    assert expected.good == pytest.approx(np.mean([model.good_share(run) for run in runs], 0), abs=0.17)
    assert np.abs(expected.good - np.mean([model.good_share(run) for run in runs], 0)).mean() < 0.05
    assert expected.good.size == BINS.size == 19 and EDGES[-1] == pytest.approx(3.8)
    assert expected.in_flight.size == TIMES.size and TIMES[-1] == pytest.approx(RUN_S)


@pytest.mark.long
@pytest.mark.parametrize("changes", [{}, {"cure": SINGLE}, {"load": 4}, {"keys": 2_000}, {"cure": BOTH, "load": 4}])
def test_the_three_runs_of_the_model_are_no_unusual_ones(changes: dict[str, Any]) -> None:
    expected = LAB.predict(**{**START, **changes})  # type: ignore[misc]
    waiting = np.mean([model.in_flight(restart_record(seed, **changes)) for seed in range(101, 141)], 0)
    assert expected.in_flight.max() == pytest.approx(waiting.max(), rel=0.25)


@pytest.mark.parametrize(
    ("bad", "after_s"), [((), 0), ((0,), 0.2), ((0, 1, 5), 1.2), ((13,), 2.8), ((14,), np.inf), ((2, 14), np.inf)]
)
def test_it_is_well_after_the_last_bin_that_was_not(bad: tuple[int, ...], after_s: float) -> None:
    good = np.ones(BINS.size)
    good[4 + np.array(bad, int)] = 0.9
    good[0] = 0.5  # before the flush: not its doing
    assert model.well_after_s(good) == pytest.approx(after_s)


def cut(run: Record, elapsed_s: float) -> Record:
    samples = dict(run.frame.samples)
    early = samples["arrived_s"] < elapsed_s
    samples |= {name: samples[name][early] for name in ("arrived_s", "lateness_ns")}
    done = samples["completed_s"] < elapsed_s
    names = ("number", "completed_s", "latency_ns", "arrived_ns", "started_ns", "done_ns")
    samples |= {name: samples[name][done] for name in names}
    samples["rejected_number"] = samples["rejected_number"][samples["rejected_number"] < early.sum()]
    return replace(run, frame=Frame(samples, run.frame.counts, {**run.frame.facts, "elapsed_s": elapsed_s}))


def test_a_run_before_its_end_claims_nothing() -> None:
    begun = cut(restart_record(), 1.5)
    assert np.isnan(recovery_s(begun)) and LAB.found(begun, None) == ""
    assert LAB.verdict(begun, None).text == "The end of the run has not come yet."
    shares = model.good_share(begun)
    assert np.isfinite(shares[EDGES[1:] <= 1.4]).all() and np.isnan(shares[EDGES[1:] > 1.41]).all()
    assert np.isnan(model.in_flight(begun)[-1]) and np.isfinite(model.in_flight(begun)[TIMES <= 1.5]).all()
    assert LAB.verdict(Record("restart", START, 1, ""), None).kind == "invalid"
    assert LAB.verdict(cut(restart_record(), 0.0005), None).text


def test_the_run_is_said_with_what_the_cure_did() -> None:
    run, cured = restart_record(), restart_record(cure=BOTH)
    said = LAB.verdict(run, None).text
    late, due = model.not_in_time(run)
    assert f"3 × what it can do: {late:,} of {due:,} reads were not answered within 100 ms" in said
    assert "brought nothing new" in said
    assert LAB.found(run, None) == f"After the cache was emptied, the store was overloaded for {recovery_s(run):.1f} s."
    pair = side_by_side(cured, run)
    assert f"with “both”, {recovery_s(run):.1f} s with “nothing”." in LAB.found(*pair)
    assert f"Pinned run: {recovery_s(run):.1f} s." in LAB.verdict_of(*pair).text
    assert "still answered within 100 ms" in LAB.found(restart_record(load=0.5), None)
    endless = restart_record(load=4, keys=2_000)
    assert np.isinf(recovery_s(endless)) and "more than 3.0 s" in LAB.found(endless, None)


def test_a_headline_compares_two_runs_only_where_one_control_differs_and_says_which() -> None:
    run = restart_record()
    own, after = LAB.found(run, None), f"{recovery_s(run):.1f} s"
    for changes in ({"cure": BOTH, "load": 2}, {"cure": SINGLE, "keys": 200}, {"load": 4, "keys": 200}, {}):
        assert LAB.found(*side_by_side(run, restart_record(2, **changes))) == own
    assert f"overloaded for {after} at 3 × the store, " in LAB.found(*side_by_side(run, restart_record(load=2)))
    fewer = LAB.found(*side_by_side(run, restart_record(keys=200)))
    assert f"overloaded for {after} with 700 keys, " in fewer and fewer.endswith(" s with 200 keys.")


def test_beside_a_run_stand_the_same_reads_simulated() -> None:
    run = restart_record(7)
    rows = dict(row[:2] for row in LAB.trust(run, None))
    after, most = rows[restart.REPLAYED[0]].split("; ")
    assert after == model.recovery_text(run) and float(most) == pytest.approx(model.most_in_flight(run), abs=2)
    assert model.replay_text(cut(run, 1.5)) == ""


def test_not_in_time_counts_the_rejected_and_those_that_wait_on() -> None:
    run = restart_record(cure=BOUNDED)
    late, due = model.not_in_time(run)
    times = run.column("arrived_s")
    inside = (times >= FLUSH_S) & (times < RUN_S - 0.1)
    assert due == inside.sum() and late >= np.count_nonzero(inside[run.column("rejected_number")]) > 0


def test_the_charts_hold_model_and_run() -> None:
    run = restart_record(load=4)
    chart, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    chart.show_run(run, (run,))
    assert [share for _, share in points(artists["measured"])] == model.good_share(run).tolist()
    waiting, _ = drawn(LAB.charts[1])  # type: ignore[arg-type]
    waiting.show_model(START, LAB.predict(**START))  # type: ignore[misc]
    waiting.show_run(run, (run,))
    assert waiting._axes.get_ylim()[1] >= model.most_in_flight(run) > 120


@pytest.mark.long
@pytest.mark.parametrize("chart", LAB.charts)
def test_the_charts_follow_runs_and_model(chart: Any) -> None:
    expected = LAB.predict(**START)  # type: ignore[misc]
    check_shows_all_and_can_be_emptied(chart, restart_record(), restart_record(cure=BOTH), START, expected)


def outcome(run: Record) -> Any:
    return LAB.prediction.outcome([replace(run, parameters=START)], LAB.check)  # type: ignore[union-attr]


def test_the_question_is_settled_whatever_was_found() -> None:
    settled = [outcome(restart_record(seed)) for seed in range(1, 21)]
    assert [found.choice for found in settled if found is not None].count(restart.SECONDS) >= 19
    assert_each_comment_fits(restart.PREDICTION, settled[0])
    quick = outcome(restart_record(load=0.5))
    assert quick.choice == restart.MOMENT
    assert_each_comment_fits(restart.PREDICTION, quick)
    assert outcome(restart_record(load=4, keys=2_000)) is None, "it may be long, or for ever"
    assert outcome(cut(restart_record(), 2.0)) is None


@pytest.mark.clock
def test_a_real_store_is_overloaded_after_the_flush_and_recovers() -> None:
    (run,) = corpus.click("caching_strategies.restart").records
    good = model.good_share(run)
    assert good[EDGES[:-1] < FLUSH_S - 0.01].mean() > 0.9 and good[4:7].mean() < 0.8
    assert model.most_in_flight(run) > 40 and recovery_s(run) > 0.5
