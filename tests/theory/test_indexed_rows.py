"""Rows added to a table with indexes: pages touched, and the cost of commits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory.indexed_rows import AddingCosts, fit_adding, touched

COSTS = AddingCosts(pages=260, row=2_000, entry=2_500, page=9_000, commit=30_000)


def test_known_numbers_of_pages_that_are_touched() -> None:
    assert touched(10, 10) == pytest.approx(6.513215599)
    assert touched(260, 1) == pytest.approx(1)
    assert touched(1, 5) == 1
    assert touched(100, [0, 10_000]) == pytest.approx([0, 100])


def test_pages_are_those_of_rows_that_fall_at_random() -> None:
    generator = np.random.default_rng(1)
    found = [np.unique(generator.integers(0, 260, 100)).size for _ in range(2_000)]
    assert np.mean(found) == pytest.approx(float(touched(260, 100)), rel=0.005)


def test_where_each_row_is_committed_each_waits_and_each_index_writes_a_page() -> None:
    assert COSTS.added(1_000, 1, 0, sync=1e6) == pytest.approx(1_000 * (1e6 + 30_000 + 2_000))
    assert COSTS.added(1_000, 1, 5, 1e6) == pytest.approx(1_000 * (1e6 + 30_000 + 2_000 + 5 * (2_500 + 9_000)))
    assert COSTS.added(1, 100, 2, 1e6) == COSTS.added(1, 1, 2, 1e6), "a batch does not wait for rows that never come"


def test_in_one_commit_rows_share_pages() -> None:
    pages = float(touched(260, 1_000))
    expected = 1e6 + 30_000 + 5 * pages * 9_000 + 1_000 * (2_000 + 5 * 2_500)
    assert COSTS.added(1_000, 1_000, 5, 1e6) == pytest.approx(expected)
    assert COSTS.added(1_000, 1_000, 5, 1e6, 2_000) == pytest.approx(expected + 5 * pages * 2_000)


def test_five_indexes_cost_several_times_as_much_in_one_commit_and_hardly_show_beside_waits_for_a_drive() -> None:
    times = {batch: [COSTS.added(1_000, batch, indexes, 1e6) for indexes in (0, 5)] for batch in (1, 1_000)}
    assert times[1][1] / times[1][0] < 1.1
    assert times[1_000][1] / times[1_000][0] > 8


cost = st.floats(1, 1e6)


@given(cost, cost, cost, cost)
def test_costs_are_recovered_from_four_corners(row: float, entry: float, page: float, commit: float) -> None:
    costs = AddingCosts(260, row, entry, page, commit)
    corners = [[costs.added(1_000, batch, indexes, 0) / 1_000 for indexes in (0, 5)] for batch in (1, 1_000)]
    found = fit_adding(260, 5, 1_000, corners)
    for batch in (1, 10, 100, 1_000):
        assert found.added(1_000, batch, 3, 1e5) == pytest.approx(costs.added(1_000, batch, 3, 1e5), rel=1e-6)


def test_no_cost_is_negative_where_noise_turns_the_corners_round() -> None:
    found = fit_adding(260, 5, 1_000, [[10.0, 9.0], [12.0, 11.0]])
    assert (found.row, found.entry, found.page, found.commit) == (12.0, 0, 0, 0)
