"""The lab on a hot key that expires: what each protection lets run, what is said of it, and the same with real threads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from labs import measure, measured_together
from predictions import assert_each_comment_fits
from relations import two_of_three
from stampede_records import CONSTANTS, stampede_record
from turns import side_by_side

from perflab.chapters.eviction_and_stampedes import stampede
from perflab.chapters.eviction_and_stampedes import stampede_model as model
from perflab.chapters.eviction_and_stampedes.stampede_model import (
    BOTH,
    CURES,
    NONE,
    POOL_OF_2,
    SINGLE,
    STALE_TOO,
    THREADS,
    XFETCH,
    YOURS,
    groups,
    p99_ns,
    per_expiry,
)
from perflab.lab import Outcome, Record
from perflab.lab.moments import ASIDE, AT_WORK, IN_LINE, SERVED
from perflab.lab.scene import Film, Scene
from perflab.measure.frame import Frame
from perflab.measure.guards import BadInput
from perflab.systems.caches.hot_key import WAIT

NAME = "eviction_and_stampedes.stampede"
LAB = stampede.lab()
START = LAB.check({})
SEEDS = range(1, 21)


def each_of(**changes: Any) -> list[float]:
    return [per_expiry(stampede_record(seed, **changes)) for seed in SEEDS]


@pytest.mark.parametrize("cure", [SINGLE, BOTH, STALE_TOO])
@pytest.mark.parametrize("query", [20, 60])
def test_one_query_runs_for_each_expiry_where_only_one_may(cure: str, query: int) -> None:
    assert set(each_of(cure=cure, query=query)) == {1.0}


def test_a_pool_makes_it_as_many_as_arrive_during_one_query() -> None:
    assert np.mean(each_of(cure=POOL_OF_2)) == pytest.approx(1 + 200 * 0.04, rel=0.1)


def test_without_protection_it_is_as_many_as_the_closed_form_says_or_more() -> None:
    assert 3 <= np.mean(each_of(query=10)) < 4.5, "1 + λD = 3 where two queries at most run at once, which is mostly so"
    # The formula takes the reads for a steady flow. Where the number grows exponentially, chance makes it larger on average.
    assert 0.8 < np.mean(each_of()) / 41.17 < 1.5 and min(each_of()) > 9
    assert max(each_of(query=60)) == THREADS


def test_xfetch_runs_a_few_and_now_and_then_causes_a_stampede() -> None:
    calm = each_of(cure=XFETCH, query=10)
    assert np.mean(calm) == pytest.approx(model.closed_forms(200, 0.01, 2)[XFETCH], rel=0.3)
    found = each_of(cure=XFETCH, query=60)
    assert min(found) < 3 and max(found) > 13, (
        "δ is measured under load: slow queries begin earlier, and slow each other"
    )
    tails = [p99_ns(stampede_record(seed, cure=XFETCH, query=60)) for seed in SEEDS]
    assert max(tails) > 1e9 > 2e8 > min(tails)


def test_tails() -> None:
    found = {cure: np.median([p99_ns(stampede_record(seed, cure=cure)) for seed in SEEDS]) for cure in CURES}
    assert found[NONE] > 10 * found[SINGLE] > 10 * found[STALE_TOO]
    assert found[NONE] > 2 * found[POOL_OF_2] > 2 * found[SINGLE] and found[SINGLE] <= 40e6


def columns(decided: list[float], of: list[float], ended: list[float]) -> Record:
    given = {"decided_s": decided, "of_s": of, "ended_s": ended}
    return Record("stampede", START, 1, "", Frame({name: np.array(column) for name, column in given.items()}))


def test_queries_are_counted_by_expiry() -> None:
    assert groups(columns([1, 1.1, 1.2, 3, 3.1], [1, 1.2, 1.1, 3], [1.3, 1.4, 1.5, 3.05])) == [3, 1]
    assert groups(columns([1, 1.1], [], [])) == [2], "none has ended yet"
    assert groups(columns([1, 1.1, 2, 2.1], [1, 1.1], [1.2, 1.3])) == [2], "the second expiry is not over"
    assert groups(columns([], [], [])) == [] and np.isnan(per_expiry(columns([], [], [])))


def test_reads_without_an_answer_count_as_what_they_have_waited() -> None:
    run = stampede_record(query=60, cpus=0.5)
    times = model.responses_ns(run)
    assert times.size == run.column("arrived_s").size > run.column("latency_ns").size
    assert times.max() == pytest.approx(1e9 * (model.RUN_S - run.column("arrived_s")[np.argmax(times)]))


def test_the_model_knows_the_machine() -> None:
    here, larger = (LAB.model(START, {"cpus": cpus}) for cpus in (2.0, 64.0))
    assert here.closed[NONE] == pytest.approx(41.17, abs=0.01) and larger.closed[NONE] == pytest.approx(9)
    assert here.per_expiry > 2 * larger.per_expiry > 10
    assert here.closed[POOL_OF_2] == 9 and here.closed[SINGLE] == 1
    assert here.waiting.size == model.GRID_S.size and here.waiting[:25].max() == 0 and here.waiting.max() > 20


def test_a_learners_rule_decides_in_the_model() -> None:
    always = model.predict(YOURS, 200, 10, 0.5, CONSTANTS, lambda left_s, took_s, drawn: left_s < 0.2)
    never = model.predict(YOURS, 200, 10, 0.5, CONSTANTS, lambda left_s, took_s, drawn: False)
    assert always.per_expiry == pytest.approx(3, abs=1) and never.per_expiry == pytest.approx(3, abs=1)
    with pytest.raises(BadInput, match="The rule raised ZeroDivisionError"):
        model.predict(YOURS, 200, 10, 0.5, CONSTANTS, lambda left_s, took_s, drawn: 1 // 0)  # type: ignore[arg-type,return-value]
    assert YOURS not in always.closed and never.waiting.max() > 1 > 0.5 > always.waiting[:15].max()


def test_what_is_said_without_protection() -> None:
    run = stampede_record()
    said = LAB.verdict(run, None).text
    assert f"{per_expiry(run):.3g} queries per expiry" in said and "1 + λD = 9 would have run" in said
    assert LAB.found(run, None).startswith(
        f"With “none” the query ran {per_expiry(run):.3g} times for one expiry; the p99"
    )
    rows = dict(row[:2] for row in LAB.table(run, None))
    assert rows["reads: from the cache; expired value; waited; ran the query"].split("; ")[1:3] == ["0", "0"]
    trust = dict(row[:2] for row in LAB.trust(run, None))
    again = trust["the same reads simulated with these"]
    assert (
        again.startswith(f"{per_expiry(run):.1f} per expiry")
        and again.split("p99 ")[1].split(";")[0] in again.split("measured")[1]
    )


def test_a_stampede_by_xfetch_is_the_headline() -> None:
    runs = [stampede_record(seed, cure=XFETCH, query=60) for seed in SEEDS]
    worst, calm = max(runs, key=per_expiry), min(runs, key=lambda run: max(groups(run)))
    assert LAB.found(worst, None).startswith("XFetch has caused a stampede: up to 64 queries for one expiry")
    assert LAB.found(calm, None).startswith("With “XFetch” the query ran ")
    assert len(LAB.found(worst, None)) <= 120


@pytest.mark.parametrize(("rate", "query"), [(20, 5), (50, 10), (100, 20), (200, 10), (400, 5)])
def test_what_xfetch_always_runs_is_no_stampede(rate: int, query: int) -> None:
    runs = [stampede_record(seed, cure=XFETCH, rate=rate, query=query) for seed in range(1, 9)]
    assert max(max(groups(run)) for run in runs) > 1 + rate * query / 1e3
    few = [run for run in runs if max(groups(run)) <= 3 * np.e]
    assert len(few) >= 7 and not any("stampede" in LAB.found(run, None) for run in few)


def test_many_queries_of_which_no_read_notices_anything_are_no_stampede() -> None:
    run = stampede_record(cure=XFETCH, rate=400, query=10, cpus=64.0)
    many = replace(
        run,
        frame=Frame(
            {**run.frame.samples, "of_s": np.empty(0), "ended_s": np.empty(0)}, run.frame.counts, run.frame.facts
        ),
    )
    assert max(groups(many)) > 3 * np.e and "stampede" not in LAB.found(many, None)


def test_two_cures_are_compared() -> None:
    one, none = side_by_side(stampede_record(cure=SINGLE), stampede_record())
    assert f"Pinned run: {per_expiry(none):.3g} queries, p99" in LAB.verdict_of(one, none).text
    assert "with “none”, 1 with “single flight”" in LAB.found(one, none)
    assert "1 query per expiry, at most 1, of 5 expiries." in LAB.verdict(one, None).text


def test_two_runs_that_differ_in_more_than_the_cure_are_not_compared_in_the_headline() -> None:
    for changes in ({"rate": 20}, {"query": 5}, {"ttl": 2.0}):
        one, none = side_by_side(stampede_record(cure=SINGLE, **changes), stampede_record())
        assert LAB.found(one, none) == LAB.found(one, None)


@pytest.mark.parametrize(("rate", "query"), [(200, 40), (200, 20), (100, 60), (400, 60)])
def test_the_simulated_run_of_the_chart_is_a_typical_one(rate: int, query: int) -> None:
    peaks = [model.most(stampede_record(seed, rate=rate, query=query)) for seed in SEEDS]
    shown = LAB.model({**START, "rate": rate, "query": query}, CONSTANTS).waiting
    assert np.quantile(peaks, 0.2) <= shown.max() <= np.quantile(peaks, 0.8)
    assert (shown == shown.round()).all(), "one run, not the mean of some"


def test_before_the_first_expiry_nothing_is_claimed() -> None:
    run = stampede_record(until_s=0.4)
    assert LAB.verdict(run, None).text == "The key has not expired yet." and LAB.found(run, None) == ""
    assert LAB.table(run, None) and LAB.trust(run, None)
    assert LAB.verdict(Record("stampede", START, 1, ""), None).kind == "invalid"


def test_the_chart_of_cures_holds_each_in_its_row() -> None:
    chart, artists = drawn(LAB.charts[1])  # type: ignore[arg-type]
    runs = [stampede_record(cure=cure) for cure in (SINGLE, NONE)]
    chart.show_model(START, LAB.model(START, CONSTANTS))
    chart.show_run(runs[1], runs)
    assert points(artists["measured"]) == [(per_expiry(runs[1]), 0)]
    assert points(artists["formula"])[2] == (1, 2) and len(points(artists["formula"])) == len(CURES)
    assert model.p99s(list(CURES), runs)[2] == "p99 40 ms" and model.p99s(list(CURES), runs)[1] == ""
    check_shows_all_and_can_be_emptied(LAB.charts[1], *runs, START, LAB.model(START, CONSTANTS))  # type: ignore[arg-type]


def test_the_time_line_holds_the_run() -> None:
    run = stampede_record()
    at_s, waits = model.waiting(run)
    assert waits.min() == 0 and waits.max() == model.most(run) and (np.diff(at_s) >= 0).all()
    assert model.computing(run)[1].max() <= THREADS


def outcome(run: Record) -> Outcome | None:
    assert LAB.prediction is not None
    return LAB.prediction.outcome([run], LAB.check)


def test_the_question_is_settled_by_what_the_machine_can_do() -> None:
    for cpus, choice in ((2.0, stampede.MORE), (64.0, stampede.AS_ARRIVED)):
        found = outcome(stampede_record(cpus=cpus))
        assert found is not None and found.choice == choice
        assert_each_comment_fits(stampede.PREDICTION, found)
    assert outcome(stampede_record(cure=SINGLE)) is None and outcome(stampede_record(until_s=0.52)) is None


@pytest.mark.clock
def test_a_single_flight_spares_nearly_all_queries() -> None:
    def look() -> tuple[float, float]:
        one, none = measured_together(LAB, {"cure": SINGLE}, {"cure": NONE}, budget_s=2.2)
        return per_expiry(one), per_expiry(none)

    two_of_three(look, lambda found: found[1] >= 5 * found[0] and found[0] < 1.5, "one query instead of many")


@pytest.mark.clock
def test_where_the_expired_value_is_an_answer_hardly_any_read_waits() -> None:
    run = Record("stampede", LAB.check({"cure": STALE_TOO}), 1, "", measure(LAB, 3.0, cure=STALE_TOO))
    assert run.column("kind").max() == 4 and not (run.column("kind") == 2).any()
    assert per_expiry(run) < 1.5 and run.column("cpu_ns").size >= 2
    assert corpus.question(NAME).runs[0]["cure"] == NONE


@pytest.mark.parametrize("cure", CURES)
def test_at_fifty_moments_the_replay_has_as_many_queries_at_work_as_the_record(cure: str) -> None:
    """In line are reads that wait for a place, or for the query of another; what the cache answers is never there."""
    run = stampede_record(cure=cure)
    assert LAB.moments is not None
    moments = LAB.moments(run)
    assert moments is not None
    number, waits = run.column("number"), run.column("kind") == WAIT
    due_s, done_s = run.column("arrived_s"), run.column("completed_s")
    since_s = due_s[number[waits]] + run.column("waited_ns")[waits] / 1e9
    of_s, began_s, ended_s = (run.column(f"{name}_s") for name in ("of", "began", "ended"))
    film, at_work = Film(moments), 0
    assert film.told_until_s == model.RUN_S, "of those without an answer, each runs a query"
    for at_s in np.random.default_rng(3).uniform(0, film.told_until_s, 50).tolist():
        scene = Scene(film, at_s)
        assert scene.is_all_told and scene.gone(SERVED) == (done_s <= at_s).sum()
        assert scene.number(AT_WORK) == (run.column("begun_s") <= at_s).sum() - (ended_s <= at_s).sum()
        waiting = ((since_s <= at_s) & (at_s < done_s[waits])).sum()
        assert scene.number(IN_LINE) == waiting + ((of_s <= at_s) & (at_s < began_s)).sum()
        at_work = max(at_work, scene.number(AT_WORK))
    most = {POOL_OF_2: 2, SINGLE: 1, BOTH: 1, STALE_TOO: 1}.get(cure, THREADS)
    assert moments.places.max() < moments.workers == most and at_work <= most
    assert at_work > 8 if cure == NONE else at_work >= 1
    assert film.in_line[1].max() > 5 if cure in (POOL_OF_2, SINGLE) else film.in_line[1][-1] == 0
    assert (ASIDE in moments.became) == (cure == STALE_TOO), "its query runs after its answer"
