"""The query lab."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from labs import constants_of, measure
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.where_latency_comes_from import query, query_model
from perflab.lab.prediction import Outcome
from perflab.lab.record import Record
from perflab.measure.frame import Frame

START = {"rows": 10_000, "index": True, "connection": query.POOLED, "fetch": query.ONE_ROW}
CONSTANTS = {"statement_ns": 2_000, "level_ns": 300, "row_ns": 40, "item_ns": 500, "opening_ns": 1e5}


QUESTION: dict[str, Any] = {"index": False}


def expected(rows: int = 10_000, **changes: Any) -> float:
    x, took = query.predict(**{**START, "rows": rows, **changes}, constants=CONSTANTS)
    return float(took[np.searchsorted(x, rows)])


def record(median_ns: float, **changes: Any) -> Record:
    frame = Frame({"latency_ns": np.full(500, median_ns)}, {"calls": 500})
    return Record("query", {**START, **changes}, 1, "", frame, 2.0, "complete")


def test_without_an_index_the_rows_decide_with_one_hardly() -> None:
    assert expected(1_000_000, index=False) / expected(100_000, index=False) == pytest.approx(10, rel=0.02)
    assert expected(1_000_000) / expected(100_000) < 1.2


def test_each_further_statement_and_each_new_connection_cost_something() -> None:
    assert expected(connection=query.OPENED) - expected() == pytest.approx(1e5)
    assert expected(fetch=query.ONE_BY_ONE) - expected(fetch=query.JOIN) > 20 * (2_000 + 300 - 500)


@pytest.mark.clock
def test_a_real_scan_takes_longer_for_more_rows_and_the_model_is_near() -> None:
    constants = constants_of(query.lab())
    assert constants is not None

    def look() -> tuple[list[float], list[float]]:
        """How often the model's time each query takes; how often longer the long scan is than a short one and than an index."""
        medians, times = [], []
        for rows, index in ((50_000, False), (1_000, False), (50_000, True)):
            medians.append(float(np.median(measure(query.lab(), 0.2, rows=rows, index=index).samples["latency_ns"])))
            x, took = query.predict(rows, index, query.POOLED, query.ONE_ROW, constants)
            times.append(medians[-1] / float(np.interp(rows, x, took)))
        return times, [medians[0] / each for each in medians[1:]]

    two_of_three(
        look,
        lambda found: min(found[0]) > 0.2 and max(found[0]) < 5 and found[1][0] > 5 and found[1][1] > 10,
        "a scan of more rows takes longer, near the model",
    )


def settled(factor: float, few: dict[str, Any] = QUESTION, many: dict[str, Any] = QUESTION) -> Outcome | None:
    runs = record(1e5, **few), record(1e5 * factor, **{"rows": 100_000, **many})
    return query.PREDICTION.outcome(side_by_side(*runs), query.lab().check)


@pytest.mark.parametrize("answer", [*query.PREDICTION.choices, None])
def test_the_outcome_has_a_comment_that_fits_it(answer: str | None) -> None:
    found = settled(9.7)
    assert found is not None and found.choice == "×10" and found.measured.startswith("×9.7 (")
    comment = query.PREDICTION.comment(answer, found)
    assert "ten times the reading" in comment and ("agrees" in comment) == (answer == "×10")


def test_all_other_choices_are_named_as_impossible() -> None:
    assert [choice for choice, answer in query.PREDICTION.choices.items() if answer.reason] == ["×10"]
    assert settled(1.3) is None and settled(100) is None


@pytest.mark.parametrize("hiding", [{"fetch": query.ONE_BY_ONE}, {"connection": query.OPENED}, {"index": True}])
def test_other_settings_settle_nothing(hiding: dict[str, Any]) -> None:
    assert settled(9.7, {**QUESTION, **hiding}, {**QUESTION, **hiding}) is None


def test_runs_that_were_not_measured_in_turns_settle_nothing() -> None:
    runs = [record(1e5, **QUESTION), record(1e6, rows=100_000, **QUESTION)]
    assert query.PREDICTION.outcome(runs, query.lab().check) is None


def test_a_page_begins_with_the_order_that_was_found_even_at_the_end_of_the_table() -> None:
    for fetch in (query.JOIN, query.ONE_BY_ONE):
        with ExitStack() as stack:
            ask = query.prepared(100, True, query.OPENED, fetch, 1, stack)
            assert {len(ask()) for _ in range(300)} == {query.PAGE}


def test_the_same_seed_asks_for_the_same_orders() -> None:
    with ExitStack() as stack:
        first, again, other = (
            query.prepared(1_000, True, query.POOLED, query.ONE_ROW, seed, stack) for seed in (1, 1, 2)
        )
        asked = [[ask() for _ in range(20)] for ask in (first, again, other)]
    assert asked[0] == asked[1] != asked[2]


FINDING, LETTERS = query_model.finding, 120


def test_the_headline_is_what_a_query_takes() -> None:
    assert FINDING(record(4.2e6, index=False, rows=100_000), None) == (
        "Without an index, a look-up in 100,000 rows takes 4.2 ms."
    )
    assert query.lab().found(record(4.2e6), None) == FINDING(record(4.2e6), None)
    longest = record(999e6, index=False, rows=1_000_000, connection=query.OPENED, fetch=query.ONE_BY_ONE)
    said = FINDING(longest, None)
    assert said is not None and "a connection opened each time, a page of 20 by N+1" in said and len(said) <= LETTERS


@pytest.mark.parametrize(
    ("change", "before", "after", "said"),
    [
        ({"rows": 100_000}, 4.2e5, 4.1e6, "10,000 rows 420 µs, 100,000 rows 4.1 ms: 9.8 times as long."),
        ({"index": False}, 4e3, 4e5, "With an index 4.0 µs, without an index 400 µs: 100 times as long."),
        ({"fetch": query.JOIN}, 1e5, 5e4, "One row 100 µs, page by a join 50 µs: 2.0 times as fast."),
        ({"fetch": query.JOIN}, 1e5, 1e5, "One row 100 µs, page by a join 100 µs: practically equal."),
        (
            {"connection": query.OPENED},
            4e3,
            1e5,
            "Connection from a pool 4.0 µs, connection opened each time 100 µs: 25 times as long.",
        ),
        ({"rows": 100, "index": False}, 4e3, 8e3, "The pinned query 4.0 µs, this query 8.0 µs: 2.0 times as long."),
    ],
)
def test_beside_another_setting_the_headline_is_what_the_change_does(
    change: dict[str, Any], before: float, after: float, said: str
) -> None:
    pinned, this = side_by_side(record(before), record(after, **change))
    assert FINDING(this, pinned) == said and len(said) <= LETTERS


def test_what_slices_and_medians_contradict_is_not_claimed() -> None:
    pinned, this = side_by_side(record(1e5), record(1.0, rows=100_000))
    columns = np.full(500, 2e5)
    columns[:251] = 9e4  # its median is lower, and it is slower in no more than half of the slices
    frame = Frame({"latency_ns": np.r_[columns[251:], columns[:251]]}, {"calls": 500})
    both = side_by_side(pinned, Record("query", this.parameters, 1, "", frame, 2.0, "complete"))
    assert "as long" not in (FINDING(both[1], both[0]) or "")


def test_without_queries_and_without_a_time_there_is_no_headline() -> None:
    empty = Record("query", START, 1, "", Frame({"latency_ns": np.empty(0)}), 2.0, "complete")
    assert FINDING(empty, None) is None and FINDING(record(0.0), None) is None
    alone = FINDING(record(1e5), None)
    assert FINDING(record(1e5), record(1e5)) == FINDING(*side_by_side(record(1e5), record(2e5))) == alone


def test_what_a_run_does_is_said() -> None:
    assert query_model.scenario(START) == (
        "One order of 10,000, drawn at random, is read from SQLite with an index, again and again, on one connection."
    )
    far = query_model.scenario(
        {"rows": 1_000_000, "index": False, "connection": query.OPENED, "fetch": query.ONE_BY_ONE}
    )
    assert "without an index by 1 + 20 statements" in far and far.endswith("on a new connection each time.")
    assert len(far) <= 170
