"""Fan-out and hedging: the known answers, and a simulation that knows no formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perflab.theory.fan_out import hedged, is_unstable, kinds_tail, slow_pages

TWO_KINDS = kinds_tail((50.0, 2.0), (0.01, 0.99))


def exponential(times: np.ndarray) -> np.ndarray:
    return np.exp(-np.maximum(times, 0) / 5.0)


@pytest.mark.parametrize(("calls", "share"), [(1, 0.01), (10, 0.095618), (50, 0.394994), (100, 0.633968)])
def test_one_slow_call_in_a_hundred_makes_many_pages_slow(calls: int, share: float) -> None:
    assert slow_pages(0.01, calls) == pytest.approx(share, abs=5e-7)


def test_shares_at_their_ends_and_shapes() -> None:
    assert slow_pages([0, 1, 0.5], [10, 1, 2]).tolist() == [0, 1, 0.75]
    assert slow_pages(1e-18, 10) == pytest.approx(1e-17, rel=1e-12), "no digits are lost for rare calls"
    assert slow_pages(0.01, np.array([1, 2])).shape == (2,)
    for wrong in ((-0.1, 1), (1.1, 1), (math.nan, 1), (0.1, 0)):
        with pytest.raises(ValueError, match="from 0 to 1"):
            slow_pages(*wrong)


def test_a_tail_is_one_before_zero_and_steps_where_a_kind_ends() -> None:
    assert TWO_KINDS(np.array([-1.0, 0.0, 1.99, 2.0, 49.9, 50.0])) == pytest.approx([1, 1, 1, 0.01, 0.01, 0])
    for wrong in (((2.0,), (0.9,)), ((0.0, 2.0), (0.5, 0.5)), ((), ())):
        with pytest.raises(ValueError, match="add up to 1"):
            kinds_tail(*wrong)


def test_a_hedge_of_unlucky_calls_leaves_one_page_in_a_hundred_slow() -> None:
    tail = hedged(TWO_KINDS, 6.0)
    assert tail(np.array([30.0])) == pytest.approx([1e-4])
    assert slow_pages(tail(np.array([30.0])), 100) == pytest.approx([0.009951], abs=5e-7)


@pytest.mark.parametrize(("tail", "after"), [(TWO_KINDS, 6.0), (exponential, 15.0), (exponential, 2.0)])
def test_a_simulation_of_pages_finds_the_same(tail: object, after: float) -> None:
    random, calls, pages = np.random.default_rng(13), 10, 40_000
    shape = (2, pages, calls)
    unlucky = np.where(random.random(shape) < 0.01, 50.0, 2.0)
    first, second = unlucky if tail is TWO_KINDS else random.exponential(5.0, shape)
    sent = first > after
    times = np.where(sent, np.minimum(first, after + second), first).max(axis=1)
    for limit in (3.0, 10.0, 30.0):
        expected_share = slow_pages(hedged(tail, after)(np.array([limit])), calls)  # type: ignore[arg-type]
        assert (times > limit).mean() == pytest.approx(float(expected_share[0]), abs=0.006)


def test_hedges_of_a_queue_are_unstable_from_half_load_on() -> None:
    assert [is_unstable(load) for load in (0.3, 0.5, 0.51, 0.7)] == [False, False, True, True]
    assert not is_unstable(0.7, copies=1.05), "a budget of 5%"
