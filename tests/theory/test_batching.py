from __future__ import annotations

import numpy as np
import pytest

from perflab.theory.batching import Cost, fit_cost, simulate_batches


def test_throughput_rises_towards_one_over_the_cost_of_a_row() -> None:
    cost = Cost(10.0, 0.1)
    throughput = cost.throughput([1, 10, 100, 100_000])
    assert np.all(np.diff(throughput) > 0)
    assert throughput[0] == pytest.approx(1 / 10.1)
    assert throughput[-1] == pytest.approx(10, rel=0.01)


def test_the_fit_finds_the_line_though_some_batches_stall() -> None:
    generator = np.random.default_rng(1)
    rows = generator.integers(1, 11, 600) * 10
    times = (500 + 2 * rows) * generator.normal(1, 0.02, 600)
    times[::20] *= 30
    cost = fit_cost(rows, times)
    assert (cost.each_batch, cost.each_row) == (pytest.approx(500, rel=0.05), pytest.approx(2, rel=0.1))


def test_one_size_does_not_tell_what_a_row_costs() -> None:
    assert fit_cost([5, 5, 5], [10, 11, 50]) == Cost(11, 0)


@pytest.mark.parametrize("columns", [([], []), ([1], [1, 2])])
def test_batches_that_do_not_pair_up_are_refused(columns: tuple[list[float], ...]) -> None:
    with pytest.raises(ValueError, match="must be batches"):
        fit_cost(*columns)


def test_single_rows_wait_for_the_commits_before_them_as_in_m_d_1() -> None:
    generator = np.random.default_rng(2)
    arrivals = np.cumsum(generator.exponential(1.0, 100_000))
    found = simulate_batches(arrivals, 1, 10.0, Cost(0.5, 0.0))
    assert found.waiting == pytest.approx(0.5 * 0.5 / (2 * 0.5), rel=0.05)
    assert (found.writing, found.rows) == (0.5, 1.0)


def test_where_a_batch_never_fills_the_oldest_waits_for_the_timer() -> None:
    arrivals = np.cumsum(np.random.default_rng(2).exponential(100.0, 20_000))
    found = simulate_batches(arrivals, 1_000, 1.0, Cost(0.0, 0.0))
    assert found.waiting == pytest.approx(1.0, rel=0.02)


def test_a_full_batch_waits_for_half_of_its_size_on_average() -> None:
    found = simulate_batches(np.arange(10_000.0), 10, 1e9, Cost(0.0, 0.0))
    assert found.waiting == pytest.approx(4.5)
