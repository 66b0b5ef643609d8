from __future__ import annotations

import numpy as np
import pytest

from perflab.theory.batching import (
    Cost,
    alone,
    fit_cost,
    lateness,
    replay_batches,
    saturated,
    simulate_batches,
)


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


def test_nor_do_sizes_that_are_nearly_alike() -> None:
    rows = [100] * 20 + [80]  # full ones, and the last
    assert fit_cost(rows, [1_500.0] * 20 + [900.0]) == Cost(1_500, 0)


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


@pytest.mark.parametrize("requests", [200, 201, 300, 399])
def test_a_last_batch_that_never_fills_is_left_out(requests: int) -> None:
    found = simulate_batches(np.arange(float(requests)), 200, 1e4, Cost(7.0, 0.0))
    assert (found.waiting, found.writing, found.rows) == (99.5, 7.0, 200.0)


def test_a_batch_that_the_timer_sends_before_the_arrivals_end_counts() -> None:
    found = simulate_batches([0.0, 1.0, 50.0], 10, 5.0, Cost(0.0, 0.0))
    assert (found.waiting, found.rows) == (4.5, 2.0)
    with pytest.raises(ValueError, match="too few arrivals"):
        simulate_batches([0.0, 1.0], 10, 5.0, Cost(0.0, 0.0))


def test_batches_are_replayed_by_their_own_times() -> None:
    # Full at 1; then the timer of the one that came at 2; then the writer is busy until 28; the last is all there is left.
    found = replay_batches([0, 1, 2, 8, 9, 30], [2, 1, 2, 1], [1, 7, 28, 33], [1, 20, 5, 1], 2, 5.0)
    assert found.measured == pytest.approx(((2 + 1) + 25 + (25 + 24) + 4) / 6)
    assert found.replayed == pytest.approx(((2 + 1) + 25 + (24 + 23) + 3) / 6)
    with pytest.raises(ValueError, match="an arrival for each row"):
        replay_batches([0, 1], [1], [0], [1], 1, 1.0)


def test_how_late_the_writer_began_is_told_of_each_batch() -> None:
    # Full at 1; the timer of 2 would ring at 7; the writer is busy until 27; all have come at 30, and nobody writes before 33.
    late = lateness([0, 1, 2, 8, 9, 30], [2, 1, 2, 1], [1, 7.5, 28, 33], [1, 19.5, 5, 0.5], 2, 5.0)
    assert late.tolist() == [0.0, 0.5, 1.0, 0.0]
    with pytest.raises(ValueError, match="an arrival for each row"):
        lateness([0, 1], [1], [0], [1], 1, 1.0)


def test_what_holds_the_writer_up_beside_its_batches_is_seen() -> None:
    arrivals = np.arange(100.0)
    began = np.arange(9.0, 100, 10)
    took = np.full(10, 2.0)
    assert replay_batches(arrivals, np.full(10, 10), began, took, 10, 1e9).deviation == 0
    assert replay_batches(arrivals, np.full(10, 10), began + 3, took, 10, 1e9).deviation > 0.2


@pytest.mark.parametrize(("idle", "more"), [(0, 0), (0.5, 1), (1, 2), (2, 3), (3, 4), (100, 4), (float("inf"), 4)])
def test_a_rest_costs_what_lies_between_the_rests_that_were_measured(idle: float, more: float) -> None:
    assert Cost(10, 1, ((1, 2), (3, 4))).after_rest(idle) == more
    assert Cost(10, 1).after_rest(idle) == 0


def test_batches_that_follow_each_other_cost_no_rest_and_lone_ones_do() -> None:
    cost = Cost(1.0, 0.0, ((5.0, 2.0),))
    assert simulate_batches(np.arange(0.0, 1_000.0, 10.0), 1, 0.0, cost).writing == pytest.approx(3.0)
    assert simulate_batches(np.arange(0.0, 1_000.0, 0.5), 1, 0.0, cost).writing == pytest.approx(1.0, abs=0.01)


def test_without_a_timer_the_writer_looks_at_each_arrival_and_after_each_batch() -> None:
    # Waited for 5 at 5, noticed at 8; the batch of 8 has waited for 5 at 13, and the writer is free then only at 18.
    arrivals = [0.0, 8.0, 9.0, 30.0, 31.0]
    found = simulate_batches(arrivals, 10, 5.0, Cost(10.0, 0.0), timer=False)
    # Written at 8: those of 0 and 8. That of 9 has waited for 9 when the writer is free at 18: written then. 30 is never noticed.
    assert (found.waiting, found.rows) == (pytest.approx((8 + 0 + 9) / 3), 1.5)
    with pytest.raises(ValueError, match="too few arrivals"):
        simulate_batches([0.0, 1.0], 10, 5.0, Cost(0.0, 0.0), timer=False)


def test_a_batch_of_a_writer_without_a_timer_is_replayed_by_the_same_rule() -> None:
    columns = ([0, 8, 9], [2, 1], [8.5, 18.5], [10, 10], 10, 5.0)
    assert lateness(*columns, timer=False).tolist() == [0.5, 0.0]
    again = replay_batches(*columns, timer=False)
    assert again.replayed == pytest.approx((18 + 10 + (28 - 9)) / 3)
    assert again.measured == pytest.approx((18.5 + 10.5 + (28.5 - 9)) / 3)


@pytest.mark.parametrize(("size", "max_wait"), [(0, 1.0), (-1, 1.0), (5, -1.0), (5, float("nan"))])
def test_batches_of_nothing_and_waits_below_0_are_refused(size: int, max_wait: float) -> None:
    with pytest.raises(ValueError, match="at least one request"):
        simulate_batches([0.0, 1.0, 2.0], size, max_wait, Cost(1.0, 0.0))


def test_an_empty_batch_is_not_replayed() -> None:
    with pytest.raises(ValueError, match="an arrival for each row"):
        replay_batches([0, 1], [2, 0], [1, 2], [1, 1], 2, 5.0)


COST = Cost(10.0, 1.0)


@pytest.mark.parametrize(
    ("threads", "size", "max_wait", "expected"),
    [
        (1, 1, 0, 1 / 11),
        (8, 1, 0, 1 / 11),  # one commit a request, whatever waits
        (8, 1, 99, 1 / 11),
        (8, 4, 0, 4 / 14),  # enough for two full batches
        (8, 8, 0, 8 / 28),  # what waits: two groups take turns
        (8, 100, 0, 8 / 28),
        (8, 8, 99, 8 / 18),  # the last to be back makes it full
        (8, 20, 99, 8 / (99 + 18)),  # never full
        (8, 20, 5, 8 / (5 + 18)),  # a short wait keeps all in one group: more than without
        (1, 20, 0, 1 / 11),
        (1, 20, 99, 1 / (99 + 11)),
        (32, 20, 99, 20 / 30),
    ],
)
def test_saturated_threads_come_to_their_closed_form(threads: int, size: int, max_wait: float, expected: float) -> None:
    assert saturated(threads, size, max_wait, COST) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("threads", [1, 3, 8, 64])
@pytest.mark.parametrize("size", [2, 8, 100])
@pytest.mark.parametrize("max_wait", [1.0, 30.0, 1_000.0])
def test_no_setting_does_more_than_its_bounds_allow(threads: int, size: int, max_wait: float) -> None:
    found = saturated(threads, size, max_wait, COST)
    assert found <= float(COST.throughput(min(size, threads))) + 1e-12
    assert size <= threads or found <= threads / (max_wait + 10.0)


def test_a_rest_before_each_batch_is_paid_for_on_both_loads() -> None:
    rested = Cost(10.0, 1.0, ((100.0, 50.0),))
    assert saturated(8, 20, 100.0, rested) == pytest.approx(8 / (100 + 18 + 50))
    assert alone(20, 60.0, 40.0, rested) == 60 + 11 + 50
    assert alone(1, 60.0, 40.0, rested) == 11 + 20, "a batch of one does not wait"
    assert alone(20, 0.0, 0.0, rested) == 11


@pytest.mark.parametrize("wrong", [(0, 1, 0.0), (1, 0, 0.0), (1, 1, -1.0)])
def test_threads_and_batches_of_nobody_are_refused(wrong: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match="there is a thread"):
        saturated(*wrong, COST)


def test_without_a_timer_a_last_batch_that_was_begun_late_is_replayed_too() -> None:
    """The writer has looked 2 after the last request came, when the oldest had waited for 10; no request came after it."""
    late = replay_batches([0, 10, 15, 24], [2, 2], [11, 26], [1, 1], 9, 10, timer=False)
    assert late.measured == pytest.approx(np.mean([12, 2, 12, 3]))
    assert late.replayed == pytest.approx(np.mean([11, 1, 11, 2]))
