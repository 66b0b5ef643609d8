"""The query lab."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from labs import constants_of, measure
from turns import side_by_side

from perflab.chapters.where_latency_comes_from import query
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
    medians = {}
    for rows, index in ((1_000, False), (50_000, False), (50_000, True)):
        medians[rows, index] = np.median(measure(query.lab(), 0.2, rows=rows, index=index).samples["latency_ns"])
        x, took = query.predict(rows, index, query.POOLED, query.ONE_ROW, constants)
        assert 0.2 < medians[rows, index] / np.interp(rows, x, took) < 5
    assert medians[50_000, False] > 5 * medians[1_000, False]
    assert medians[50_000, False] > 10 * medians[50_000, True]


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
