"""The lab on times to live: load against age, peaks and jitter; the same with a real cache and a real store."""

from __future__ import annotations

from itertools import repeat

import corpus
import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from predictions import assert_each_comment_fits
from stampede_records import expiry_record
from turns import side_by_side

from perflab.chapters.eviction_and_stampedes import expiry
from perflab.chapters.eviction_and_stampedes import expiry_model as model
from perflab.chapters.eviction_and_stampedes.expiry_model import ALIGNED, JITTERED, RUN_S, TTLS_S, p99_ns, queries_per_s
from perflab.lab import Outcome, Record
from perflab.lab.moments import AT_WORK, IN_LINE, SERVED
from perflab.lab.scene import Film, Scene

NAME = "eviction_and_stampedes.expiry"
LAB = expiry.lab()
START = LAB.check({})


def reads(due_ms: list[int], keys: list[int], lives_ms: list[int], first_ms: list[int]) -> model.Reads:
    return model.Reads(
        *(np.array(column) * (1 if column is keys else 10**6) for column in (due_ms, keys, lives_ms, first_ms))
    )


def test_each_read_of_a_short_run_is_as_it_should_be() -> None:
    few = reads([10, 60, 61, 100, 112, 120], [0, 0, 1, 0, 0, 1], [50] * 6, [50, 60])
    frame = model.simulated(few, repeat(2e6), 0.2)
    assert (np.asarray(frame.samples["latency_ns"]) / 1e6).tolist() == [0, 2, 3, 0, 2, 2]
    assert (np.asarray(frame.samples["age_ns"]) / 1e6).tolist() == [10, 0, 0, 38, 0, 0]
    assert (1e3 * np.asarray(frame.samples["missed_s"])).tolist() == pytest.approx([60, 62, 112, 120])
    assert frame.counts == {"calls": 6, "queries": 4} and set(frame.samples["query_ns"].tolist()) == {2e6}


def test_what_is_answered_after_the_end_is_not_told() -> None:
    assert model.simulated(reads([10, 11], [0, 1], [9, 9], [1, 1]), repeat(2e6), 0.0135).counts == {
        "calls": 1,
        "queries": 1,
    }


@pytest.mark.parametrize("spread", [ALIGNED, JITTERED])
@pytest.mark.parametrize("ttl", [0.05, 0.1, 0.2])
def test_the_long_run_is_what_a_long_run_finds(ttl: float, spread: str) -> None:
    runs = [model.simulated(model.reads_of(ttl, spread, 50, 500, seed), repeat(1e3)).samples for seed in range(8)]
    (age,), (load,) = model.long_run(spread, 50, 500, [ttl])
    loads = [np.count_nonzero(np.asarray(run["missed_s"]) > ttl) / (RUN_S - ttl) for run in runs]
    assert np.mean(loads) == pytest.approx(load, rel=0.05)
    ages = [np.asarray(run["age_ns"])[np.asarray(run["arrived_s"]) > ttl].mean() for run in runs]
    assert np.mean(ages) == pytest.approx(age, rel=0.05)


@pytest.mark.parametrize(("ttl", "spread", "rate"), [(0.05, ALIGNED, 1_000), (0.5, JITTERED, 200), (2.0, ALIGNED, 400)])
def test_the_model_counts_what_the_simulated_run_records(ttl: float, spread: str, rate: int) -> None:
    reads = model.reads_of(ttl, spread, 50, rate, 3)
    run, (missed_ns, age_ns) = model.simulated(reads, repeat(2e6)).samples, model.counted(reads, 2e6)
    assert np.array(missed_ns) / 1e9 == pytest.approx(run["missed_s"]) and age_ns == pytest.approx(run["age_ns"].mean())


def test_jitter_leaves_the_load_and_takes_the_peaks() -> None:
    same, spread = (model.predict(0.5, expiry, 200, 1_000) for expiry in (ALIGNED, JITTERED))
    assert spread.queries_per_s == pytest.approx(same.queries_per_s, rel=0.05)
    assert same.over_time.max() > 1.4 * spread.over_time.max()
    tails = [np.median([p99_ns(expiry_record(seed, expiry=each)) for seed in range(5)]) for each in (ALIGNED, JITTERED)]
    assert tails[0] > 3 * tails[1]
    assert spread.age_ns > 1.05 * same.age_ns, "a longer life is met by more reads"


def test_a_longer_life_is_less_load_and_older_data() -> None:
    found = [model.predict(ttl, JITTERED, 200, 500) for ttl in TTLS_S]
    assert (np.diff([each.queries_per_s for each in found]) < 0).all() and (
        np.diff([each.age_ns for each in found]) > 0
    ).all()
    assert (np.diff(found[0].loads_per_s) < 0).all() and (np.diff(found[0].ages_ns) > 0).all()


def test_the_words_of_a_run() -> None:
    run = expiry_record()
    said = LAB.verdict(run, None).text
    assert (
        f"{queries_per_s(run):,.0f} queries per second, {model.most_per_s(run):,.0f} at the peak" in said
        and "the p99 is" in said
    )
    assert LAB.found(run, None).startswith(f"The store gets {queries_per_s(run):,.0f} queries/s, and data is 1")
    rows = dict(row[:2] for row in LAB.table(run, None))
    assert rows["hit ratio"] == f"{1 - run.count('queries') / run.calls:.0%}"
    trust = dict(row[:2] for row in LAB.trust(run, None))["the same reads simulated with these queries"]
    again, measured = trust.split("; measured ")
    assert again.replace("p99 ", "") == measured, "a simulated run, simulated again"
    assert LAB.verdict(Record("expiry", START, 1, ""), None).kind == "invalid"


def test_two_runs_are_compared() -> None:
    now, pinned = side_by_side(expiry_record(expiry=JITTERED), expiry_record())
    assert f"Pinned run: {queries_per_s(pinned):,.0f}/s, p99" in LAB.verdict_of(now, pinned).text
    assert "instead of" in LAB.found(now, pinned) and len(LAB.found(now, pinned)) <= 120
    assert "instead of" not in LAB.found(pinned, pinned)


def test_two_runs_that_differ_in_more_than_jitter_are_not_compared_in_the_headline() -> None:
    for changes in ({"ttl": 1.0}, {"keys": 20}, {"rate": 200}):
        now, pinned = side_by_side(expiry_record(expiry=JITTERED, **changes), expiry_record())
        assert LAB.found(now, pinned) == LAB.found(now, None) != ""


@pytest.mark.parametrize("spread", [ALIGNED, JITTERED])
@pytest.mark.parametrize(("ttl", "waiting"), [(0.05, 500), (0.1, 20)])
def test_a_store_that_cannot_do_it_is_told_to_be_saturated(ttl: float, waiting: int, spread: str) -> None:
    run = expiry_record(ttl=ttl, expiry=spread)
    still = run.column("arrived_s").size - run.calls
    assert still == model.waits_ns(run).size > waiting
    said = LAB.verdict(run, None).text
    assert said == f"{LAB.found(run, None)} The response time only grows." and "p99" not in said
    assert f"queries/s are needed, {queries_per_s(run):,.0f} ran, and {still} of 2,402 reads still wait" in said
    assert len(LAB.found(run, None)) <= 120
    assert dict(row[:2] for row in LAB.table(run, None))["response time, p50; p99"].endswith(", and growing")
    calm, pinned = side_by_side(expiry_record(ttl=ttl, expiry=JITTERED, query_ms=1), run)
    assert "instead of" not in LAB.found(calm, pinned) and "saturated" not in LAB.found(calm, pinned)


def test_reads_without_an_answer_count_as_what_they_have_waited() -> None:
    run = expiry_record(ttl=0.05)
    times, open_s = model.responses_ns(run), run.column("arrived_s")[run.calls :]
    assert times.size == run.column("arrived_s").size and times[-1] == pytest.approx(1e9 * (RUN_S - open_s[-1]))
    assert p99_ns(run) == pytest.approx(np.quantile(times, 0.99), rel=0.01)


@pytest.mark.parametrize("until_s", [0.15, 0.6, 1.2, RUN_S])
@pytest.mark.parametrize("ttl", [0.2, 0.5, 1.0])
def test_a_peak_is_no_saturation(ttl: float, until_s: float) -> None:
    assert model.saturated(expiry_record(ttl=ttl, until_s=until_s)) is None


@pytest.mark.parametrize("ttl", [0.05, 0.5])
def test_at_fifty_moments_the_replay_has_as_many_reads_in_line_as_the_record(ttl: float) -> None:
    run = expiry_record(ttl=ttl)
    assert LAB.moments is not None and LAB.moments(Record("expiry", START, 1, "")) is None
    moments = LAB.moments(run)
    assert moments is not None and moments.places.max() == 0, "one thread"
    film, due_s, began_s = Film(moments), run.column("arrived_s"), run.column("began_s")
    done_s, most = due_s[: run.calls] + run.column("latency_ns") / 1e9, 0
    for at_s in np.random.default_rng(2).uniform(0, RUN_S, 50).tolist():
        scene, begun, done = Scene(film, at_s), (began_s <= at_s).sum(), (done_s <= at_s).sum()
        counted = (due_s <= at_s).sum() - begun, begun - done, done
        assert (scene.number(IN_LINE), scene.number(AT_WORK), scene.gone(SERVED)) == counted and scene.is_all_told
        most = max(most, scene.number(IN_LINE))
    assert most > (500 if ttl < 0.1 else 10)


def test_each_slice_of_a_run_tells_the_reads_that_became_due_in_it() -> None:
    few = reads([10, 60, 61, 100], [0, 0, 1, 0], [50] * 4, [50, 60])
    rows = np.array([(10e6, 10e6, 0, 10e6)])
    first = model.frame_of(few, 0, rows, -1, 60.5e6).samples
    second = model.frame_of(few, 1, np.array([(60e6, 62e6, 1, 0)]), 60.5e6, 62e6).samples
    assert (1e3 * np.array(first["arrived_s"])).tolist() == [10, 60] and len(first["latency_ns"]) == 1
    assert (1e3 * np.array(second["arrived_s"])).tolist() == [61] and len(second["latency_ns"]) == 1


def test_the_long_run_ends_where_the_store_does() -> None:
    expected = LAB.model(START)
    known = np.isfinite(expected.loads_per_s)
    assert np.nanmax(expected.loads_per_s) < model.STORE_PER_S and not known[:5].any() and known[-20:].all()
    assert [expiry.ttl_label(ttl)(expected)[2] for ttl in TTLS_S[:3]] == ["", "", "0.2 s"]
    assert np.isfinite(LAB.model({**START, "keys": 50}).loads_per_s[20:]).all()


def test_bins_that_have_not_ended_are_not_shown() -> None:
    half = expiry_record(until_s=1.25)
    assert np.isfinite(model.over_time(half)[1]).sum() == 12


def test_the_charts_hold_model_and_runs() -> None:
    chart, artists = drawn(LAB.charts[0])  # type: ignore[arg-type]
    run, expected = expiry_record(), LAB.model(START)
    chart.show_model(START, expected)
    chart.show_run(run, [run])
    assert points(artists["measured"]) == [(model.age_ns(run), queries_per_s(run))]
    assert points(artists["this run, simulated"]) == [(expected.age_ns, expected.queries_per_s)]
    check_shows_all_and_can_be_emptied(LAB.charts[0], run, expiry_record(ttl=0.1), START, expected)  # type: ignore[arg-type]


def test_the_names_of_ttls_lie_on_the_curve() -> None:
    expected = LAB.model(START)
    for ttl in TTLS_S[2:]:
        age, load, name = expiry.ttl_label(ttl)(expected)
        (exact_age,), (exact_load,) = model.long_run(ALIGNED, 200, 1_000, [ttl])
        assert (age, load) == pytest.approx((exact_age, exact_load), rel=0.02) and name == f"{ttl:g} s"


def outcome(aligned: Record, jittered: Record) -> Outcome | None:
    assert LAB.prediction is not None
    return LAB.prediction.outcome(side_by_side(aligned, jittered), LAB.check)


def test_the_question_is_settled_whatever_was_found() -> None:
    aligned, jittered = (expiry_record(expiry=each) for each in (ALIGNED, JITTERED))
    quick = expiry_record(query_ms=0.1), expiry_record(query_ms=0.1, expiry=JITTERED)
    slow = expiry_record(query_ms=8), expiry_record(query_ms=8, expiry=JITTERED)
    assert all(map(model.is_saturated, slow))
    for runs, choice in (((aligned, jittered), expiry.SHORTER), (quick, expiry.SAME), (slow, expiry.SAME)):
        found = outcome(*runs)
        assert found is not None and found.choice == choice
        assert_each_comment_fits(expiry.PREDICTION, found)
    assert outcome(aligned, expiry_record(until_s=1.0, expiry=JITTERED)) is None


def test_with_jitter_there_are_as_many_queries_and_they_begin_earlier() -> None:
    aligned, jittered = (expiry_record(expiry=each) for each in (ALIGNED, JITTERED))
    assert queries_per_s(jittered) == pytest.approx(queries_per_s(aligned), rel=0.05)
    assert aligned.column("missed_s").min() >= 0.5 > 0.3 > jittered.column("missed_s").min()


@pytest.mark.clock
def test_a_real_store_is_asked_as_often_as_the_simulation_says_all_at_once_or_one_after_another() -> None:
    runs = corpus.click(NAME).records
    for run in runs:
        assert queries_per_s(run) == pytest.approx(queries_per_s(model.replayed(run)), rel=0.1)
    first_s = [run.column("missed_s").min() for run in runs]
    assert first_s[0] >= 0.5 > 0.45 > first_s[1], "all at once, and one after another"
