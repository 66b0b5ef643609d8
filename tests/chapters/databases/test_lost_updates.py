"""The lab on lost updates: on a virtual schedule, and with real threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import corpus
import numpy as np
import psutil
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from dying_servers import LAST_WORDS
from labs import measure
from predictions import assert_each_comment_fits
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.databases import lost_updates
from perflab.chapters.databases import lost_updates_model as model
from perflab.lab import Record
from perflab.measure.frame import Frame, merge
from perflab.systems.databases.counters import (
    BEGIN,
    COMMITTED,
    IMMEDIATE,
    ONE,
    POSTGRESQL,
    SERIALIZABLE,
    SQLITE,
    TWO,
    WAYS,
)
from perflab.systems.databases.increments import REST_S, Setting
from perflab.systems.databases.virtual_counters import simulated
from perflab.systems.process.installed import Installable, NotInstalled, NotStarted
from perflab.systems.servers.cluster import cluster
from perflab.systems.servers.real.postgresql import POSTGRESQL as POSTGRESQL_SERVER
from perflab.theory.lost_updates import lost_share

NAME = "databases.lost_updates"
SQLITE_COSTS = {"sqlite_inside_s": 2e-4, "sqlite_outside_s": 2e-4, "sqlite_most_per_s": 6_000.0}
COSTS = {**SQLITE_COSTS, "postgresql_inside_s": 5e-4, "postgresql_outside_s": 4e-4, "postgresql_most_per_s": 2_000.0}
SLICES = 10


@pytest.fixture(params=["with PostgreSQL", "without"])
def lab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    found = "/somewhere/postgres" if request.param == "with PostgreSQL" else None
    monkeypatch.setattr(Installable, "find", lambda _: found)
    return lost_updates.lab()


LAB = lost_updates.lab()
START = LAB.check({})


def made(seed: int = 1, **changes: Any) -> Record:
    """A run on a virtual schedule, in slices that are runs of their own."""
    chosen = {**START, **changes}
    setting = Setting(chosen["way"] == ONE, chosen["counters"], chosen["think"] / 1e3, REST_S)
    slices = [
        simulated(chosen["way"], chosen["clients"], setting, 100 * seed + number, 1, model.SLICE_S)
        for number in range(SLICES)
    ]
    frame = merge(model.frame_of(each) for each in slices)
    return Record("lost_updates", chosen, seed, "", frame, 2.0, "complete", constants=COSTS)


def test_the_ways_of_postgresql_are_there_where_it_is_and_else_a_sentence_says_how_to_install_it(lab: Any) -> None:
    has_all = POSTGRESQL_SERVER.find() is not None
    assert lab.controls["way"].values == (WAYS if has_all else SQLITE)
    rows = dict(lab.table(made(), None)[1:])
    assert ("ways of PostgreSQL" in rows) != has_all
    assert has_all or "is not installed, so it is not measured here. To install it" in rows["ways of PostgreSQL"]


def test_where_postgresql_is_missing_a_run_of_it_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installable, "find", lambda _: None)
    with pytest.raises(NotInstalled), model.adding(COMMITTED, 1, 1, 1.0, 1):
        raise AssertionError("it began")


@pytest.mark.process
def test_where_postgresql_does_not_start_sqlite_is_measured_and_a_run_of_it_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, dying: Callable[..., None]
) -> None:
    dying("postgres", "initdb")
    monkeypatch.setattr(model, "PROBES", 1)
    constants = merge(model.calibrate()).facts
    assert constants.keys() == SQLITE_COSTS.keys()
    assert model.predict(**{**START, "way": COMMITTED}, constants=constants).rates.keys() == {*SQLITE}
    with pytest.raises(NotStarted, match=rf"^PostgreSQL does not start(.|\n)*{LAST_WORDS}"):
        next(lost_updates.experiment(**{**START, "way": COMMITTED}, seed=1))


def test_the_model_has_all_ways_that_were_calibrated() -> None:
    assert (*model.predict(**START, constants=COSTS).rates,) == WAYS
    assert (*model.predict(**START, constants=SQLITE_COSTS).rates,) == SQLITE


def test_three_quarters_are_lost_on_one_counter_and_few_on_many() -> None:
    lost = {k: model.predict(TWO, 4, k, 10, COSTS) for k in (1, 10, 100, 1_000)}
    assert lost[1].lost == pytest.approx(0.74, abs=0.02)
    for each in (10, 100, 1_000):
        assert lost[each].lost == lost_share(lost[each].writes)
    assert lost[10].lost == pytest.approx(0.21, abs=0.01) and lost[100].lost == pytest.approx(0.026, abs=0.002)


@pytest.mark.parametrize("way", [way for way in WAYS if way not in model.LOSES])
def test_all_other_ways_lose_nothing(way: str) -> None:
    assert model.predict(way, 8, 1, 5, COSTS).lost == 0


def test_what_safety_costs() -> None:
    many, one = (model.predict(TWO, 4, counters, 5, COSTS) for counters in (1_000, 1))
    assert one.rates[ONE] == one.rates[TWO] > 3 * one.rates[IMMEDIATE]
    assert one.retries[BEGIN] > 2 * one.rates[BEGIN] and one.retries[BEGIN] == many.retries[BEGIN]
    for way in POSTGRESQL[1:]:
        assert many.rates[way] > 2.5 * one.rates[way], "they lock or check a row, not all of them"


def test_no_way_does_more_than_the_machine() -> None:
    found = model.predict(TWO, 8, 1, 0.5, {**COSTS, "sqlite_most_per_s": 500.0})
    assert found.rates[TWO] == pytest.approx(500) and found.rates[BEGIN] + found.retries[BEGIN] == pytest.approx(500)


@pytest.mark.parametrize("name", ["clients", "think", "counters"])
def test_each_control_moves_the_model(name: str) -> None:
    values = LAB.controls[name].values
    low, high = (model.predict(**{**START, name: value}, constants=COSTS) for value in (values[0], values[-1]))
    assert (low.lost < high.lost) == (name != "counters") and low.lost != high.lost


def test_a_slice_is_counted() -> None:
    sums = Counter(done=100, in_time=90, retries=7, sum=40)
    frame = model.frame_of({**sums, "between_s": 0.8, "whole_s": 1.0})
    run = Record("lost_updates", START, 1, "", frame)
    assert (model.lost(run), model.per_s(run), model.per_s(run, "retries_per_s")) == (0.6, 450, 35)
    assert model.writes_between(run) == pytest.approx(3 * 0.8)


def test_the_words_tell_what_is_lost_and_what_the_formula_says() -> None:
    run = made()
    said = LAB.verdict(run, None).text
    assert f"{run.calls:,} increments were acknowledged" in said and "No statement failed." in said
    assert "x/(1 + x)" in said and "a little low" in said
    assert "a little low" not in LAB.verdict(made(counters=10), None).text
    assert LAB.found(run, None).endswith("of them are lost, without any error.")


def test_the_words_tell_what_was_refused() -> None:
    run = made(way=BEGIN)
    assert f"{run.count('retries'):,} writes were refused" in LAB.verdict(run, None).text
    assert "“begin” loses nothing" in LAB.found(run, None)
    assert "refused" not in LAB.verdict(made(way=ONE), None).text
    assert LAB.scenario({**START, "clients": 1, "counters": 10}).startswith("One client adds 1 to one of 10 counters")  # type: ignore[misc]


def unscathed(way: str = TWO, **changes: Any) -> Record:
    """1,000 increments of which none was lost; about 0.4 were to be where 4 clients have 1,000 counters."""
    run = made(way=way, **{"clients": 2, "counters": 1_000, **changes})
    counts = {"calls": 1_000, "lost": 0, "retries": 0, "between_us": 400_000, "whole_us": 1_000_000}
    return replace(run, frame=Frame(run.frame.samples, counts))


def test_a_way_that_may_lose_is_not_called_safe_where_it_happened_to_lose_none() -> None:
    assert LAB.found(unscathed(), None).startswith("“two statements” lost none of 1,000 (0.40 expected)")
    said = LAB.verdict(unscathed(), None).text
    assert "All 1,000 acknowledged" in said and "By x/(1 + x) 0.40 were to be lost: this way is not safe" in said
    both = LAB.found(*side_by_side(unscathed(COMMITTED), unscathed()))
    assert "nothing" not in both and len(both) <= 120
    long = LAB.found(*side_by_side(unscathed(COMMITTED), made(way=SERIALIZABLE)))
    assert "lost none of 1,000" in long and len(long) <= 120
    for safe in (unscathed(ONE), unscathed(BEGIN), unscathed(clients=1)):
        assert "loses nothing" in LAB.found(safe, None) and "x/(1 + x)" not in LAB.verdict(safe, None).text


def test_two_ways_share_a_headline_and_are_compared() -> None:
    two, one = side_by_side(made(), made(way=ONE))
    found = LAB.verdict_of(one, two)
    assert found.kind == "clear" and "Pinned run: 7" in found.text
    apart = side_by_side(made(clients=8), made(way=ONE))
    assert "“two statements”" not in LAB.found(*apart[::-1]), "two controls differ: the headline is of one run"
    assert "“two statements” loses" in LAB.found(one, two) and "“one statement” loses nothing" in LAB.found(one, two)
    begin, immediate = side_by_side(made(way=ONE), made(way=IMMEDIATE))
    assert LAB.verdict_of(immediate, begin).kind == "clear", "none loses, but one is slower"
    same, again = side_by_side(made(), made(seed=2))
    assert LAB.verdict_of(same, again).kind == "too close to call"


def test_the_question_is_settled_whatever_was_found() -> None:
    run = made()
    found = lost_updates.PREDICTION.outcome([run], LAB.check)
    assert found is not None and found.choice == lost_updates.MOST
    assert_each_comment_fits(lost_updates.PREDICTION, found)
    for lost, choice in ((0, lost_updates.NONE), (10, lost_updates.FEW), (30, lost_updates.QUARTER)):
        frame = Frame(run.frame.samples, {**run.frame.counts, "calls": 100, "lost": lost})
        found = lost_updates.how_many(replace(run, frame=frame))
        assert found is not None and found.choice == choice
    assert lost_updates.how_many(replace(run, frame=Frame(counts={"calls": 99}))) is None


@pytest.mark.long
def test_the_charts_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installable, "find", lambda _: "/somewhere/postgres")
    lab, run, pinned = lost_updates.lab(), made(way=BEGIN), made(way=COMMITTED)
    for chart in lab.charts:
        check_shows_all_and_can_be_emptied(
            chart,  # type: ignore[arg-type]
            run,
            pinned,
            {**START, "way": COMMITTED},
            model.predict(**{**START, "way": COMMITTED}, constants=COSTS),
        )
    chart, artists = drawn(lab.charts[1])  # type: ignore[arg-type]
    chart.show_run(run, (pinned, run))
    row = WAYS.index(BEGIN)
    assert points(artists["increments"]) == [(model.per_s(run), row)]
    assert points(artists["refused writes"]) == [(model.per_s(run, "retries_per_s"), row)]
    chart, artists = drawn(lab.charts[0])  # type: ignore[arg-type]
    alone = made(clients=1)
    chart.show_run(alone, (alone,))
    assert points(artists["measured"]) == [(lost_updates.LEFT, 0.0)], "0 lies at the left end of the axis"


def test_a_run_that_has_just_begun_can_be_shown() -> None:
    empty = Record("lost_updates", START, 1, "")
    assert LAB.verdict(empty, None).kind == "invalid" and LAB.table(empty, None) == []
    assert np.isnan(model.lost(empty)) and np.isnan(model.per_s(empty)) and model.more_lost(empty, empty) is None


@pytest.mark.clock
def test_real_threads_lose_what_the_model_says_and_safe_ways_lose_nothing() -> None:
    constants = corpus.constants(NAME) or {}

    def found(**changes: Any) -> tuple[float, float]:
        chosen = LAB.check(changes)
        run = Record("lost_updates", chosen, 1, "", measure(LAB, 1.0, **chosen))
        return model.lost(run), model.predict(**chosen, constants=constants).lost

    for changes in ({"counters": 1}, {"counters": 10, "think": 1}):
        two_of_three(lambda: found(**changes), lambda pair: abs(pair[0] - pair[1]) < 0.05, f"lost at {changes}")  # noqa: B023
    for way in LAB.controls["way"].values:
        if way not in model.LOSES:
            assert found(way=way) == (0.0, 0.0), way


@pytest.mark.process
@pytest.mark.parametrize("way", [TWO, COMMITTED])
def test_a_run_that_is_stopped_leaves_nothing(way: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == COMMITTED and way not in LAB.controls["way"].values:
        pytest.skip("PostgreSQL is not installed")
    if way == COMMITTED:
        with cluster("counters", model.fill, model.OPTIONS):
            pass  # what is kept for this process is there
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = LAB.experiment(**LAB.check({"way": way}), seed=1)
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before
    assert [*tmp_path.iterdir()] == []
