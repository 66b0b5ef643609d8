"""Bursts: exact where nothing is left to chance."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.theory.burst import burst_responses
from perflab.theory.queues import closed

AT_ONCE = 1e9


def over(size: int, threads: int, wait: float, demand: float) -> float:
    arrivals, responses = burst_responses(size, AT_ONCE, threads, wait, demand)
    return float((arrivals + responses).max())


@pytest.mark.parametrize(("size", "turns"), [(1, 1), (4, 1), (5, 2), (16, 4), (18, 5)])
def test_who_only_waits_is_served_in_turns_of_as_many_as_there_are_threads(size: int, turns: int) -> None:
    assert over(size, 4, 0.05, 0.0) == pytest.approx(0.05 * turns)


@pytest.mark.parametrize("threads", [1, 4, 40])
def test_who_only_computes_is_served_one_after_the_other_whatever_the_threads(threads: int) -> None:
    assert over(30, threads, 0.0, 0.01) == pytest.approx(0.3)


def test_a_thread_for_each_waits_once() -> None:
    assert over(30, 30, 0.05, 0.01) == pytest.approx(0.05 + 30 * 0.01)


def test_a_lone_request_does_not_wait() -> None:
    _, responses = burst_responses(50, 5.0, 1, 0.05, 0.01)
    assert responses == pytest.approx(np.full(50, 0.06))


def test_a_long_burst_goes_at_the_pace_of_a_closed_system_without_chance() -> None:
    # The closed forms' service times are exponential: queues in the machine make them slower, never quicker.
    pace = 2_000 / over(2_000, 4, 0.05, 0.003)
    assert pace == pytest.approx(4 / 0.053, rel=0.01)
    assert closed(4, [0.003], 0.05)[0] == pytest.approx(pace, rel=0.1)


def test_who_comes_later_in_a_burst_that_is_too_much_waits_longer() -> None:
    _, responses = burst_responses(60, 600.0, 4, 0.02, 0.003)
    assert responses[-1] > 5 * responses[0]
    assert np.all(responses >= 0.023 - 1e-12)


@pytest.mark.parametrize(("size", "per_s", "threads"), [(0, 1.0, 1), (1, 0.0, 1), (1, 1.0, 0)])
def test_nothing_is_no_burst(size: int, per_s: float, threads: int) -> None:
    with pytest.raises(ValueError, match="there must be"):
        burst_responses(size, per_s, threads, 0.1, 0.1)
