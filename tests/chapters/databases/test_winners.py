"""Who wins, and what the advice was worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from profile_runs import CONSTANTS, WITHOUT, run
from turns import side_by_side

from perflab.chapters.databases import winners
from perflab.chapters.databases.profiles_model import BALANCED, DUCKDB, NAMES, OLAP, OLTP, PROBE, SERVER, YOURS, predict
from perflab.chapters.databases.winners import (
    advised,
    against,
    against_best,
    best_of,
    by_rounds,
    fastest,
    judged,
    newest,
    places,
    recommend,
    times_of,
    undefeated,
    worth,
)
from perflab.measure import Frame
from perflab.systems.databases.order_work import FIND, LOAD, ORDER, REPORT, WORKS


def test_the_advice_is_what_it_is_said_to_be() -> None:
    assert recommend(is_complex=False, users=1_001, reads_per_write=100) == OLTP
    assert recommend(False, 1_000, 100) == BALANCED
    assert recommend(True, 5_000, 11) == OLAP
    assert recommend(True, 5_000, 10) == BALANCED
    assert [advised(work) for work in WORKS] == [OLTP, OLTP, BALANCED, OLAP]


@pytest.mark.parametrize(
    ("work", "best", "told", "is_worth"),
    [
        (FIND, [OLTP, BALANCED], "OLTP or balanced", "right"),
        (ORDER, [OLAP, OLTP, BALANCED], "OLAP or OLTP or balanced", "all alike"),
        (LOAD, [OLAP], "OLAP", "wrong"),
        (REPORT, [OLAP], "OLAP", "right"),
    ],
)
def test_the_fastest_and_what_cannot_be_told_from_it(work: str, best: list[str], told: str, is_worth: str) -> None:
    found = run(work)
    assert undefeated(found) == best and fastest(found) == told and worth(found) == is_worth


def test_a_profile_that_is_slower_by_more_than_a_quarter_has_lost_unless_the_rounds_cannot_tell() -> None:
    assert undefeated(run(ORDER, times={OLTP: 1.4})) == [OLAP, BALANCED]
    assert undefeated(run(ORDER, times={OLTP: 1.2})) == [OLAP, OLTP, BALANCED]
    wide = run(LOAD, times={BALANCED: 13.0}, spread=0.3)
    shuffled = replace(wide, frame=Frame({**wide.frame.samples, "balanced_ns": wide.column("balanced_ns")[::-1]}))
    assert undefeated(shuffled) == [OLAP, BALANCED]


@pytest.mark.parametrize("rounds", [0, 1, 5])
def test_too_few_rounds_have_no_winner(rounds: int) -> None:
    few = run(LOAD, rounds=rounds)
    assert undefeated(few) == [] and fastest(few) == worth(few) == "too few rounds"
    assert (best_of(few) is None) == (rounds == 0) == (against_best(few) == {})


def test_times_and_ratios_are_those_of_the_rounds() -> None:
    found = run(LOAD)
    assert times_of(found)[OLTP].value == pytest.approx(1e9, rel=0.01) and times_of(found).keys() == {*NAMES, PROBE}
    assert against_best(found)[OLTP].value == pytest.approx(100)
    assert against_best(found)[DUCKDB].value == pytest.approx(0.4), "it is none of the three"
    ratio = against(found, OLTP, PROBE)
    assert ratio is not None and ratio.value == pytest.approx(1_000)
    assert against(run(FIND), OLTP, PROBE) is None


@pytest.mark.parametrize(
    ("chosen", "other", "told"),
    [
        ({"indexes": 0, "batch": 1}, {"indexes": 5, "batch": 1}, "without indexes"),
        ({"indexes": 5}, {"indexes": 0}, "all indexes"),
        (
            {"indexes": 2, "batch": 100, "durable": False},
            {"indexes": 5, "batch": 1},
            "2 of 5 indexes, 100 a commit, not durable",
        ),
        ({"batch": 1}, {"batch": 1_000}, "single commits"),
        (
            {"batch": 1_000, "indexes": 0, "durable": False},
            {"batch": 100, "indexes": 0, "durable": False},
            "in one commit",
        ),
        ({}, {}, ""),
        ({"work": FIND, "durable": False}, {"work": FIND, "batch": 1}, ""),
        ({"work": ORDER, "durable": False}, {"work": ORDER}, "not durable"),
    ],
)
def test_yours_is_named_by_what_sets_it_apart(chosen: dict[str, Any], other: dict[str, Any], told: str) -> None:
    assert winners.apart(run(**chosen).parameters, run(**other).parameters) == told


def test_a_last_round_that_lacks_a_side_is_no_pair() -> None:
    found = run(LOAD)
    cut = replace(found, frame=Frame({**found.frame.samples, "yours_ns": found.column("yours_ns")[:-1]}))
    ratio = by_rounds(cut, found)
    assert ratio is not None and ratio.value == pytest.approx(1)
    assert by_rounds(cut, run(LOAD, rounds=0)) is None


def test_texts_tell_times_in_synced_writes_where_the_work_writes() -> None:
    assert winners.time_text(OLTP, run(LOAD)).endswith("0.99–1.0 s; 1,000 synced writes")
    assert "synced" not in winners.time_text(OLAP, run(FIND)) and winners.time_text(PROBE, run(FIND)) == "–"
    assert winners.time_text(PROBE, run(LOAD)).startswith("1.0 ms")
    assert winners.advice_text(run(LOAD)) == "balanced (simple, 1 user, only writes)"
    assert winners.expected_text(OLAP, run(FIND)) == "4.0 ms" and winners.expected_text(OLAP, run(LOAD)) == "9.5 ms"
    assert winners.times_texts(NAMES)(run(LOAD)) == ["100×", "1×", "4.0×", "2.2×", "0.40×", "3.0×"]
    assert winners.times_texts(WITHOUT)(run(LOAD, names=WITHOUT)) == ["100×", "1×", "4.0×", "0.40×", "3.0×"]
    assert winners.times_texts(NAMES)(run(LOAD, rounds=0)) == [""] * 6


def test_the_table_has_a_row_of_postgresql_or_says_why_it_has_none() -> None:
    there, missing = (dict(winners.rows_of(names)) for names in (NAMES, WITHOUT))
    assert there["PostgreSQL: 2 indexes, 100 a commit by COPY, a server"](run(LOAD)).startswith("22 ms")
    assert "is not installed, so it is not measured here" in missing[SERVER](run(LOAD, names=WITHOUT))
    assert len(there) == len(missing) == len(NAMES)


@pytest.mark.parametrize("work", WORKS)
def test_other_databases_win_nothing_however_fast_they_are(work: str) -> None:
    fast, usual = run(work, times={SERVER: 0.001, DUCKDB: 0.001}), run(work)
    assert fastest(fast) == fastest(usual) and worth(fast) == worth(usual) and best_of(fast) == best_of(usual)
    assert against_best(fast)[SERVER].value < 1 and fastest(run(work, names=WITHOUT)) == fastest(usual)
    assert SERVER not in against_best(run(work, names=WITHOUT))


def test_the_newest_run_of_each_work_is_shown_and_yours_only_with_its_present_settings() -> None:
    runs = [run(FIND, indexes=0), run(LOAD, times={OLTP: 500}), run(REPORT, rounds=0), run(LOAD)]
    assert newest(runs) == {FIND: runs[0], LOAD: runs[3]}
    ratios, heights = places(OLTP)(runs)
    assert ratios == pytest.approx([1, 100]) and [round(height) for height in heights] == [0, 2]
    ratios, heights = places(YOURS)(runs)
    assert ratios == pytest.approx([3.0]) and [round(height) for height in heights] == [2]
    assert judged(runs) == ["advice: OLTP, right", "", "advice: balanced, wrong", ""]
    assert places(OLTP)([]) == places(SERVER)([run(LOAD, names=WITHOUT)]) == ([], [])


def test_the_model_has_a_place_for_each_side_of_each_work() -> None:
    ratios, heights = winners.expected_places(predict(LOAD, 5, 1, True, CONSTANTS))
    assert len(ratios) == len(set(heights)) == len(NAMES) * len(WORKS)
    assert np.round(heights).tolist() == [0] * 6 + [1] * 6 + [2] * 6 + [3] * 6


def test_yours_is_compared_with_the_pinned_run_of_the_same_work() -> None:
    now, pinned = side_by_side(run(LOAD), run(LOAD, times={YOURS: 60}, indexes=0))
    found = winners.compare(now, pinned)
    assert found is not None and "below the pinned run" in found[0] and found[1] == "clear"
    assert winners.compare(now, run(ORDER)) is None and winners.compare(now, run(LOAD, rounds=0)) is None
