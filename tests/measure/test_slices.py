"""Measuring in slices."""

from __future__ import annotations

import pytest

from perflab.measure.clock import VirtualClock
from perflab.measure.slices import FIRST_CALLS, call_slices


def test_slices_grow_to_a_tenth_of_a_second_and_add_up_to_what_was_asked() -> None:
    clock = VirtualClock()
    sizes = [s.latencies_ns.size for s in call_slices(lambda: clock.advance(1_000_000), 1_000, clock=clock)]
    assert sizes[0] == FIRST_CALLS
    assert sizes[1:4] == [100, 100, 100]
    assert sum(sizes) == 1_000


def test_the_time_between_two_slices_is_nobodys_latency_and_does_not_change_their_size() -> None:
    clock = VirtualClock()
    sizes = []
    for latencies in call_slices(lambda: clock.advance(1_000_000), 500, clock=clock):
        clock.sleep(5)
        sizes.append(latencies.latencies_ns.size)
        assert latencies.latencies_ns.max() == 1_000_000
    assert sizes[1:3] == [100, 100]


def test_without_a_number_it_goes_on_until_it_is_closed() -> None:
    clock = VirtualClock()
    slices = call_slices(lambda: clock.advance(1_000), clock=clock)
    assert sum(next(slices).latencies_ns.size for _ in range(10)) > 1_000
    slices.close()


@pytest.mark.parametrize(("took_ns", "limit"), [(1, 10 * FIRST_CALLS), (10**9, 1)])
def test_a_lucky_or_a_slow_slice_changes_the_next_within_reason(took_ns: int, limit: int) -> None:
    clock = VirtualClock()
    slices = call_slices(lambda: clock.advance(took_ns), clock=clock)
    next(slices)
    assert next(slices).latencies_ns.size == limit
