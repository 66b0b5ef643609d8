"""Measuring in slices."""

from __future__ import annotations

import gc
import itertools

import pytest

from perflab.lab.run import MAX_SAMPLES
from perflab.measure.clock import VirtualClock
from perflab.measure.guards import BadInput
from perflab.measure.slices import GROWTH, MAX_SAMPLE_S, MAX_SLICE, MIN_SLICES, call_slices


def test_slices_grow_to_a_fifth_of_a_second_and_add_up_to_what_was_asked() -> None:
    clock = VirtualClock()
    sizes = [s.latencies_ns.size for s in call_slices(lambda: clock.advance(1_000_000), 5_000, clock=clock)]
    assert sizes[:5] == [1, GROWTH, 200, 200, 200]
    assert sum(sizes) == 5_000


def test_a_short_run_has_slices_enough_to_be_compared_with_another_one() -> None:
    clock = VirtualClock()
    sizes = [s.latencies_ns.size for s in call_slices(lambda: clock.advance(100), 1_000, clock=clock)]
    assert len(sizes) >= MIN_SLICES and max(sizes) == 84
    assert sum(sizes) == 1_000


def test_two_runs_of_the_quickest_calls_have_slices_enough_before_the_memory_of_a_lab_is_full() -> None:
    clock = VirtualClock()
    slices = call_slices(lambda: clock.advance(50), clock=clock)
    sizes = [next(slices).latencies_ns.size for _ in range(2 + MIN_SLICES)]
    assert set(sizes[-MIN_SLICES + 2 :]) == {MAX_SLICE}
    assert 2 * sum(sizes) <= MAX_SAMPLES


def test_the_time_between_two_slices_counts_as_no_latency_and_does_not_change_their_size() -> None:
    clock = VirtualClock()
    sizes = []
    for latencies in call_slices(lambda: clock.advance(1_000_000), 5_000, clock=clock):
        clock.sleep(5)
        sizes.append(latencies.latencies_ns.size)
        assert latencies.latencies_ns.max() == 1_000_000
    assert sizes[2:4] == [200, 200]


def test_a_call_that_fails_is_counted_and_ends_nothing() -> None:
    clock, calls = VirtualClock(), itertools.count(1)

    def fails_now_and_then() -> None:
        clock.advance(1_000_000)
        if next(calls) % 7 == 0:
            raise OSError

    found = list(call_slices(fails_now_and_then, 700, clock=clock))
    assert sum(each.latencies_ns.size + each.failures for each in found) >= 700
    assert sum(each.failures for each in found) == pytest.approx(100, abs=10)


def test_without_a_number_it_goes_on_until_it_is_closed() -> None:
    clock = VirtualClock()
    slices = call_slices(lambda: clock.advance(100_000), clock=clock)
    assert sum(next(slices).latencies_ns.size for _ in range(10)) > 1_000
    slices.close()


def test_a_batch_that_could_not_be_stopped_is_refused_with_what_fits() -> None:
    clock = VirtualClock()
    with pytest.raises(BadInput, match="batch: 1,000 calls of 1.0 ms take 1.0 s; .* at most 500"):
        next(call_slices(lambda: clock.advance(1_000_000), 10, batch=1_000, clock=clock))
    assert clock.now_ns() < MAX_SAMPLE_S * 1e9


@pytest.mark.parametrize(("took_ns", "limit"), [(1, GROWTH), (10**9, 1)])
def test_a_lucky_or_a_slow_slice_changes_the_next_within_reason(took_ns: int, limit: int) -> None:
    clock = VirtualClock()
    slices = call_slices(lambda: clock.advance(took_ns), clock=clock)
    next(slices)
    assert next(slices).latencies_ns.size == limit


@pytest.mark.parametrize("gc_off", [True, False])
def test_the_garbage_collector_is_on_in_a_slice_only_where_that_is_asked_for(gc_off: bool) -> None:
    seen = set()
    assert next(call_slices(lambda: seen.add(gc.isenabled()), 20, gc_off=gc_off, clock=VirtualClock())).failures == 0
    assert seen == {not gc_off} and gc.isenabled()
