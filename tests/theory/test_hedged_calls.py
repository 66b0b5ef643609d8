"""Calls to two servers, and second copies of late ones: small runs worked out by hand; the lab's tests have the real client's."""

from __future__ import annotations

import math

import pytest

from perflab.theory.hedged_calls import Answered, Hedges, answered

DUE = [0, 0, 1, 1]
SLOW_FIRST = [9, 2, 2, 2], [2, 2, 2, 2]


def test_without_hedges_each_server_serves_its_calls_in_their_order() -> None:
    assert answered(DUE, SLOW_FIRST, 1, Hedges(), 100) == Answered([9, 2, 11, 4], 0)
    assert answered(DUE, SLOW_FIRST, 2, Hedges(), 100) == Answered([9, 2, 3, 3], 0)
    assert answered(DUE, SLOW_FIRST, 1, Hedges(), 10) == Answered([9, 2, math.inf, 4], 0)
    assert answered([], ([], []), 1, Hedges(), 10) == Answered([], 0)


@pytest.mark.parametrize("cancels", [False, True])
def test_a_copy_of_a_late_call_goes_to_the_other_server_and_the_first_answer_counts(cancels: bool) -> None:
    found = answered([0], ([9], [2]), 1, Hedges(after=3, cancels=cancels), 100)
    assert found == Answered([5], 1)
    assert answered([0], ([9], [7]), 1, Hedges(after=3, cancels=cancels), 100) == Answered([9], 1)
    assert answered([0], ([3], [1]), 1, Hedges(after=3, cancels=cancels), 100) == Answered([3], 0), (
        "it came just in time"
    )


def test_a_copy_that_is_not_cancelled_keeps_its_server_busy() -> None:
    due, services = [0, 1, 6], ([9, 2, 2], [2, 2, 2])
    assert answered(due, services, 1, Hedges(after=3), 100).done == [5, 3, 11]
    assert answered(due, services, 1, Hedges(after=3, cancels=True), 100).done == [5, 3, 8]


def test_a_copy_that_waits_is_cancelled_in_the_queue() -> None:
    # Call 0 is answered at 4, while its copy waits behind call 1: call 3 follows on call 1 at 9. Call 2 waits for the copy
    # of call 1, which is cancelled at 9.
    due, services = [0, 0, 4, 5], ([4, 9, 1, 1], [9, 20, 1, 1])
    assert answered(due, services, 1, Hedges(after=3, cancels=True), 13).done == [4, 9, 10, 10]
    assert answered(due, services, 1, Hedges(after=3), 13).done == [4, 9, math.inf, math.inf]


def test_a_budget_limits_the_copies() -> None:
    due, services = [0, 0, 0, 0], ([9] * 4, [1] * 4)
    assert answered(due, services, 9, Hedges(after=3), 100).copies == 4
    assert answered(due, services, 9, Hedges(after=3, share=0.0, most=2.5), 100) == Answered([4, 4, 9, 9], 2)
