"""The lab on profiles: each is measured once a round, and what helps a load is settled by two runs in turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from dying_servers import LAST_WORDS
from labs import measure_slices
from predictions import assert_each_comment_fits
from profile_runs import WITHOUT, run
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.databases import profiles, profiles_model
from perflab.chapters.databases.profiles_model import BALANCED, DUCKDB, NAMES, OLAP, OLTP, PROBE, SERVER, YOURS, column
from perflab.chapters.databases.winners import SET_UP, against
from perflab.lab import Record
from perflab.measure import Frame, merge
from perflab.systems.databases.order_files import duck_book, sqlite_book
from perflab.systems.databases.order_work import FIND, LOAD, LOADED, ORDER, REPORT, WORKS, Timed

LAB = profiles.lab()
NAME = "databases.profiles"
PREDICTION = profiles.PREDICTION


class Scripted:
    """Opens and closes."""

    opened = 0

    def __init__(self, name: str, profile: Any) -> None:
        self.name, self.profile = name, profile

    def __enter__(self) -> Scripted:
        Scripted.opened += 1
        return self

    def __exit__(self, *_: object) -> None:
        Scripted.opened -= 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock on which each work takes 40 ms, where all is installed."""
    now = [0.0]

    def take(work: str, book: Scripted, batch: int, generator: Any) -> Timed:
        now[0] += 0.04
        return Timed(float(batch), 2)

    monkeypatch.setattr(profiles, "names_here", lambda: NAMES)
    monkeypatch.setattr(profiles, "perf_counter", lambda: now[0])
    monkeypatch.setattr(profiles, "time_work", take)
    monkeypatch.setattr(profiles_model, "book_of", Scripted)
    monkeypatch.setattr(profiles_model, "probe", lambda work, write: Timed(7.0, 3))
    monkeypatch.setattr(profiles, "synced_write", lambda: nullcontext(None))
    return now


@pytest.mark.process
def test_where_postgresql_does_not_start_the_rest_is_measured_and_the_table_says_why(
    dying: Callable[..., None],
) -> None:
    dying("postgres", "initdb")
    measured = profiles.experiment(FIND, 5, 1, True, seed=1)
    frame = merge(islice(measured, 3))
    measured.close()  # type: ignore[attr-defined]
    assert {*frame.samples} == {column(name) for name in WITHOUT}
    said = dict(LAB.table(replace(run(FIND, names=WITHOUT), frame=frame), None))[f"{SERVER}: {SET_UP[SERVER]}"]
    assert said.startswith("PostgreSQL does not start, so it is not measured here.") and LAST_WORDS in said


@pytest.mark.parametrize(("work", "sides"), [(LOAD, {*NAMES, PROBE}), (FIND, {*NAMES})])
def test_each_side_is_measured_once_a_round_and_slices_are_short(
    work: str, sides: set[str], clock: list[float]
) -> None:
    slices = LAB.experiment(work=work, indexes=3, batch=10, durable=True, seed=1)
    frames, lasted = [], []
    for frame in islice(slices, 40):
        lasted.append(clock[0])
        frames.append(frame)
    assert max(np.diff([0, *lasted])) < profiles.SLICE_S + 0.05
    sizes = Counter({name: values.size for name, values in merge(frames).samples.items()})
    assert sizes.keys() == {column(name) for name in sides}
    assert max(sizes.values()) - min(sizes.values()) <= 1, "the last round may lack some"
    assert merge(frames).samples[column(BALANCED)].tolist()[0] == 100 and sum(sizes.values()) > 90
    assert Scripted.opened == len(NAMES)
    slices.close()  # type: ignore[attr-defined]
    assert Scripted.opened == 0


def test_the_order_within_a_round_is_drawn_anew(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(profiles, "time_work", lambda _, book, *__: (seen.append(book.name), Timed(1.0, 1))[1])
    monkeypatch.setattr(profiles, "SLICE_S", -1.0)
    list(islice(LAB.experiment(work=FIND, indexes=0, batch=1, durable=True, seed=1), 60))
    rounds = [tuple(seen[at : at + 6]) for at in range(0, 60, 6)]
    assert all(set(each) == set(NAMES) for each in rounds) and len(set(rounds)) > 3


def test_yours_has_the_chosen_settings(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: dict[str, Any] = {}
    monkeypatch.setattr(
        profiles_model, "book_of", lambda name, profile: (opened.update({name: profile}), Scripted(name, profile))[1]
    )
    with_settings = LAB.experiment(work=LOAD, indexes=2, batch=10, durable=False, seed=1)
    next(with_settings)
    with_settings.close()  # type: ignore[attr-defined]
    assert opened[YOURS] == profiles_model.Profile(("customer", "day"), 10, False)
    assert opened[OLTP].durable and len(opened[OLTP].indexes) == 5


def test_a_file_system_in_memory_is_told_where_something_is_written(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "durability_caveat", lambda: "fsync is not durable here")
    for work, caveat in ((LOAD, "fsync is not durable here"), (FIND, "")):
        slices = LAB.experiment(work=work, indexes=2, batch=10, durable=False, seed=1)
        assert next(slices).facts["caveat"] == caveat
        slices.close()  # type: ignore[attr-defined]


def test_the_words_tell_the_best_profile_the_others_in_its_time_and_the_worth_of_the_advice() -> None:
    said = LAB.verdict_of(run(LOAD), None).text
    assert said.startswith("Load 1,000 orders: OLAP 10 ms; in its times OLTP 100× (100–100), balanced 4.00×")
    assert said.endswith("Common advice for this work: balanced; wrong.")
    few = LAB.verdict_of(run(LOAD, rounds=5), None).text
    assert few.endswith("balanced; too few rounds.") and "too few samples for an interval" in few


@pytest.mark.parametrize(
    ("work", "headline"),
    [
        (FIND, "Find by customer: no winner between OLTP and balanced; OLAP takes 200× as long."),
        (ORDER, "One order: no winner between OLAP and OLTP and balanced."),
        (LOAD, "Load 1,000 orders: OLAP is the fastest profile; OLTP takes 100× as long, DuckDB beside them 0.40×."),
        (REPORT, "Report: OLAP is the fastest profile; OLTP takes 4.5× as long, DuckDB beside them 0.15×."),
    ],
)
def test_the_headline_names_the_fastest_and_the_slowest(work: str, headline: str) -> None:
    assert LAB.found(run(work), None) == headline
    assert LAB.found(run(work, rounds=5), None) == ""


def test_two_loads_in_turns_say_what_yours_gained_by_each() -> None:
    said = "Load 1,000 orders: without indexes, single commits 0.71× OLTP's time, all indexes, in one commit 0.030×."
    first, second = two(710, 30)
    assert LAB.found(second, first) == said
    assert "OLAP is the fastest profile" in LAB.found(second, None)
    assert "OLAP is the fastest profile" in LAB.found(second, run(FIND)), "of another work"
    assert "OLAP is the fastest profile" in LAB.found(*two(30, 30, indexes=5, batch=LOADED)), "of the same settings"
    assert "OLAP is the fastest profile" in LAB.found(second, replace(first, turns="")), "not in turns"


def test_a_database_beside_the_profiles_is_named_only_where_it_is_surely_faster_than_all_of_them() -> None:
    close = run(LOAD, times={DUCKDB: 9.9}, spread=0.3)
    turned = {**close.frame.samples, column(DUCKDB): close.column(column(DUCKDB))[::-1]}
    assert "DuckDB" not in LAB.found(replace(close, frame=Frame(turned)), None)
    both = LAB.found(run(ORDER, times={SERVER: 0.4, DUCKDB: 0.5}), None)
    assert both == "One order: no winner between OLAP and OLTP and balanced; PostgreSQL beside them 0.40×."
    assert max(len(LAB.found(run(work, times={SERVER: 1e-3}), None)) for work in WORKS) <= 120


def test_a_run_that_was_cut_off_before_all_had_their_turn_says_so() -> None:
    part = run(LOAD)
    few = replace(part, frame=Frame({column(YOURS): part.column(column(YOURS)), column(OLAP): np.ones(3)}))
    assert LAB.verdict_of(few, None).text == "Not all profiles have been measured yet."
    assert LAB.found(few, None) == "" and LAB.table(few, None)[1][1] == "–"
    assert LAB.verdict_of(replace(part, frame=Frame()), None).kind == "invalid"


def test_a_run_is_described_in_a_line() -> None:
    assert profiles.scenario(NAMES, run(LOAD, indexes=1, batch=10, durable=False).parameters) == (
        "A table of 100,000 orders. 1,000 orders are added, in turns by three profiles, PostgreSQL, DuckDB and yours: 1 index, "
        "10 a commit, not durable."
    )
    found = profiles.scenario(WITHOUT, run(FIND).parameters)
    assert found.endswith("are found, in turns by three profiles, DuckDB and yours: 5 indexes.")
    assert "a commit" not in profiles.scenario(NAMES, run(ORDER).parameters)


def test_the_table_has_each_side_the_advice_and_the_fastest() -> None:
    rows = dict(LAB.table(run(LOAD), None))  # type: ignore[arg-type]
    assert rows["common advice"] == "balanced (simple, 1 user, only writes)"
    assert rows["fastest of the three, or within 25% of it"] == "OLAP"
    assert len(rows) == 1 + len(NAMES) + 2, "or why PostgreSQL is missing"
    trust = dict(LAB.trust(run(LOAD), None))  # type: ignore[arg-type]
    assert trust["rounds"] == "9" and trust["OLTP, by the model with this run's fsync"] == "1.1 s"


@pytest.mark.long
@pytest.mark.parametrize(("number", "names"), [(0, NAMES), (0, WITHOUT), (1, NAMES), (1, WITHOUT)])
@pytest.mark.parametrize("work", WORKS)
def test_each_chart_shows_run_and_model_and_can_be_emptied(number: int, names: tuple[str, ...], work: str) -> None:
    chart, record = profiles.charts(names)[number], run(work, names=names)
    model = LAB.model(record.parameters, record.constants)
    if number == 0:
        other = run(work, times={YOURS: 500}, names=names)
        check_shows_all_and_can_be_emptied(chart, record, other, record.parameters, model)
    built, artists = drawn(chart)
    built.show_model(record.parameters, model)
    built.show_run(record, [run(REPORT, names=names), record])
    shown = points(artists["measured" if number == 0 else OLTP])
    assert len(shown) == (len(names) if number == 0 else len({REPORT, work}))
    if number == 0:
        assert len(points(artists["with this run's fsync"])) == (len(names) if work in (ORDER, LOAD) else 0)
    else:
        assert (SERVER in artists) == (SERVER in names)


def two(without_ms: float, at_once_ms: float, **more: Any) -> list[Record]:
    """A load without indexes, and in one commit."""
    first, second = PREDICTION.runs
    return side_by_side(
        run(times={YOURS: without_ms}, **{**first, **more}), run(times={YOURS: at_once_ms}, **{**second, **more})
    )


@pytest.mark.parametrize(
    ("without_ms", "at_once_ms", "choice"),
    [
        (900, 30, profiles.ONE_COMMIT),
        (300, 600, profiles.NO_INDEX),
        (300, 300, profiles.BOTH),
    ],
)
def test_what_helps_is_settled_by_both_runs(without_ms: float, at_once_ms: float, choice: str) -> None:
    found = PREDICTION.outcome(two(without_ms, at_once_ms), LAB.check)
    assert found is not None and found.choice == choice
    assert_each_comment_fits(PREDICTION, found)
    assert f"without indexes {without_ms / 10:g}% of the OLTP profile's time" in found.measured


def test_rounds_that_point_to_both_sides_or_are_too_few_settle_nothing() -> None:
    less, more = two(300, 300, spread=0.5)
    turned = {**more.frame.samples, column(YOURS): more.column(column(YOURS))[::-1]}
    assert PREDICTION.outcome([less, replace(more, frame=Frame(turned))], LAB.check) is None
    assert PREDICTION.outcome(two(900, 30, rounds=5), LAB.check) is None
    assert PREDICTION.outcome(two(900, 30, rounds=0), LAB.check) is None


def test_the_lab_starts_with_the_load_in_question() -> None:
    assert LAB.check({}) == LAB.check(PREDICTION.runs[-1])
    assert not LAB.starts_by_button


@pytest.mark.clock
def test_the_sure_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index spares a find the scan, the covering one a report the sort, large batches a load its commits."""
    monkeypatch.setattr(profiles, "names_here", lambda: WITHOUT)  # a server would be started for each of many runs
    for work, slow, fast, times in (
        (FIND, OLAP, BALANCED, 20),
        (REPORT, OLTP, OLAP, 2),
        (LOAD, OLTP, OLAP, 2),
    ):
        two_of_three(lambda: ratio(work, slow, fast), lambda found: found > times, f"{work}: {slow} over {fast}")  # noqa: B023


def ratio(work: str, name: str, other: str) -> float:
    """By one round."""
    measured = measure_slices(LAB, 0.3, fewest=4, work=work)
    found = against(corpus.record_of(LAB, {"work": work}, measured), name, other)
    assert found is not None
    return found.value


@pytest.mark.clock
def test_runs_leave_the_files_as_they_were() -> None:
    corpus.click(NAME)
    for book in (sqlite_book(profiles_model.PROFILES[OLTP].indexes), sqlite_book(), duck_book()):
        assert book.count() == 100_000
        book.close()
    assert LOADED < 100_000
