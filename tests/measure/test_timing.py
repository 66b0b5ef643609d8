"""The stopwatch loop."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

from perflab.measure.clock import VirtualClock
from perflab.measure.guards import BadInput
from perflab.measure.timing import Latencies, batch_for, time_calls


class Steps:
    """An operation that takes the given times on a virtual clock; a negative one raises after its time."""

    def __init__(self, clock: VirtualClock, *times: int) -> None:
        self.clock, self.times, self.calls = clock, times, 0

    def __call__(self, *_: Any) -> None:
        took = self.times[self.calls % len(self.times)]
        self.calls += 1
        self.clock.advance(abs(took))
        if took < 0:
            raise OSError(f"call {self.calls}")


def test_each_call_is_timed_alone_and_in_order() -> None:
    clock = VirtualClock()
    result = time_calls(Steps(clock, 10, 20, 30), repeats=5, clock=clock)
    assert result.latencies_ns.tolist() == [10, 20, 30, 10, 20]
    assert result.started_ns.tolist() == [0, 10, 30, 60, 70]
    assert (result.failures, result.batch) == (0, 1)


def test_arguments_are_handed_over_one_by_one() -> None:
    seen: list[int] = []
    result = time_calls(seen.append, [3, 1, 2], clock=VirtualClock())
    assert seen == [3, 1, 2]
    assert result.latencies_ns.size == 3


def test_a_batch_shares_one_pair_of_readings_and_is_marked() -> None:
    clock = VirtualClock()
    operation = Steps(clock, 10, 30)
    result = time_calls(operation, repeats=3, batch=4, clock=clock)
    assert operation.calls == 12
    assert (result.latencies_ns.tolist(), result.batch) == ([20, 20, 20], 4)


def test_failures_are_counted_and_leave_no_latency_behind() -> None:
    clock = VirtualClock()
    result = time_calls(Steps(clock, 10, -500, 30), repeats=6, clock=clock)
    assert (result.latencies_ns.tolist(), result.failures) == ([10, 30, 10, 30], 2)


@pytest.mark.parametrize("batch", [1, 3])
def test_when_every_call_fails_the_first_exception_is_raised(batch: int) -> None:
    clock = VirtualClock()
    with pytest.raises(OSError, match="call 1"):
        time_calls(Steps(clock, -1), repeats=3, batch=batch, clock=clock)


def test_a_short_operation_is_batched_so_that_the_clock_is_one_percent() -> None:
    clock = VirtualClock(reading_ns=60)
    assert batch_for(Steps(clock, 140), clock=clock) == 30  # 6,000 ns / (140 + one reading of 60)


def test_a_long_operation_is_not_batched() -> None:
    clock = VirtualClock(reading_ns=60)
    assert batch_for(Steps(clock, 6_000), clock=clock) == 1


@pytest.mark.parametrize("raises", [False, True])
def test_garbage_collection_is_off_inside_and_back_on_afterwards(raises: bool) -> None:
    states: list[bool] = []

    def operation() -> None:
        states.append(gc.isenabled())
        if raises:
            raise ValueError

    assert gc.isenabled()
    try:
        time_calls(operation, repeats=2)
    except ValueError:
        assert raises
    assert states and not any(states)
    assert gc.isenabled()


def test_garbage_collection_can_be_left_on_to_see_what_it_costs() -> None:
    states: list[bool] = []
    time_calls(lambda: states.append(gc.isenabled()), repeats=2, gc_off=False)
    assert states == [True, True]


@pytest.mark.parametrize("repeats", [0, -1, 1.5, None, float("nan"), 10**9])
def test_repeats_out_of_range_are_refused(repeats: Any) -> None:
    with pytest.raises(BadInput, match="repeats must be a whole number from 1 to 10,000,000"):
        time_calls(lambda: None, repeats=repeats)


def test_no_arguments_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing to time"):
        time_calls(print, [])


def test_as_a_frame_they_name_columns_counts_and_facts() -> None:
    frame = Latencies(np.array([3.0, 5.0]), np.array([0, 10]), failures=1, batch=4).frame()
    assert {name: column.tolist() for name, column in frame.samples.items()} == {
        "latency_ns": [3.0, 5.0],
        "started_ns": [0, 10],
    }
    assert (frame.counts, frame.facts) == ({"calls": 8, "failures": 1}, {"batch": 4})
