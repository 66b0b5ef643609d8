"""What queries of rows and columns cost: known answers, and the crossing against a search."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perflab.theory.scans import QueryCost, crossing, from_corners

BY_ROW = QueryCost(15.0, 0.0, 0.05, 0.04)
BY_COLUMN = QueryCost(550.0, 85.0, 0.003, 0.0013)


def test_a_query_is_planned_once_and_each_row_is_read() -> None:
    assert BY_ROW.of(1, 1) == pytest.approx(15.09)
    assert BY_ROW.of(1_000, 19) == pytest.approx(15 + 1_000 * (0.05 + 19 * 0.04))
    assert BY_COLUMN.of([1, 300_000], 2) == pytest.approx([720.0056, 720 + 300_000 * 0.0056])


@pytest.mark.parametrize(("columns", "rows"), [(1, 620 / 0.0857), (5, 960 / 0.2405), (19, 2_150 / 0.7823)])
def test_the_crossing_is_what_planning_costs_over_what_a_row_saves(columns: int, rows: float) -> None:
    assert crossing(BY_ROW, BY_COLUMN, columns) == pytest.approx(rows)
    searched = np.arange(1, 20_000)
    quicker = BY_COLUMN.of(searched, columns) < BY_ROW.of(searched, columns)
    assert searched[np.argmax(quicker)] == math.ceil(rows)


def test_there_is_no_crossing_where_one_engine_is_quicker_for_any_number_of_rows() -> None:
    assert math.isnan(crossing(BY_COLUMN, BY_ROW, 5)), (
        "the row store is quicker from the first row on, up to the crossing"
    )
    assert math.isnan(crossing(BY_ROW, QueryCost(550, 0, 0.1, 0.1), 5)), "never quicker"
    assert math.isnan(crossing(BY_ROW, BY_ROW, 5))


@pytest.mark.parametrize("cost", [BY_ROW, BY_COLUMN, QueryCost(3, -0.1, 2, -0.01)])
def test_four_corners_tell_the_four_costs(cost: QueryCost) -> None:
    times = [[float(cost.of(rows, columns)) for columns in (1, 19)] for rows in (1, 100_000)]
    found = from_corners((1, 100_000), (1, 19), times)
    for rows, columns in ((1, 1), (7, 3), (50_000, 19), (300_000, 10)):
        assert found.of(rows, columns) == pytest.approx(cost.of(rows, columns))


@pytest.mark.parametrize(
    ("rows", "columns", "times"),
    [((1, 1), (1, 19), np.ones((2, 2))), ((1, 9), (19, 1), np.ones((2, 2))), ((1, 9), (1, 19), [1, 2])],
)
def test_fewer_corners_do_not(rows: tuple[int, int], columns: tuple[int, int], times: object) -> None:
    with pytest.raises(ValueError, match="four corners"):
        from_corners(rows, columns, times)  # type: ignore[arg-type]
