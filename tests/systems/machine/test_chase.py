"""Reads of memory at random."""

from __future__ import annotations

import gc
from collections.abc import Callable
from statistics import median
from time import perf_counter_ns

import pytest
from relations import assert_more

from perflab.measure.guards import BadInput
from perflab.systems.machine.chase import STOP_BYTES, Stop, chase, gather


def test_a_chase_visits_every_stop_once_before_it_returns() -> None:
    with chase(100 * STOP_BYTES, 1) as step:
        first = step()
        seen = {id(first)}
        while (stop := step()) is not first:
            seen.add(id(stop))
    assert len(seen) == 100


def test_several_steps_are_as_many_single_ones() -> None:
    with chase(100 * STOP_BYTES, 7) as seven, chase(100 * STOP_BYTES, 1) as one:
        assert isinstance(seven(), Stop)
        stops = [one() for _ in range(100)]
        assert stops[0] is one()


def test_nothing_is_left_for_the_garbage_collector() -> None:
    with chase(1_000 * STOP_BYTES, 10) as go:
        go()
    del go
    assert not [thing for thing in gc.get_objects() if isinstance(thing, Stop)]


def test_the_collector_does_not_look_through_the_ring_and_is_as_before_afterwards() -> None:
    gc.unfreeze()  # what the suite has frozen
    with chase(1_000 * STOP_BYTES, 10):
        assert not [thing for thing in gc.get_objects() if isinstance(thing, Stop)]
    assert not gc.get_freeze_count()


@pytest.mark.clock
def test_memory_that_does_not_fit_the_cache_is_slower_and_many_reads_at_once_are_faster() -> None:
    def usual_ns(go: Callable[[], object]) -> float:
        times = []
        for _ in range(40):
            started = perf_counter_ns()
            go()
            times.append(perf_counter_ns() - started)
        return median(times)

    with chase(16_000, 1_000) as near, chase(12_000_000, 1_000) as far, gather(12_000_000, 1_000) as at_once:
        assert_more(lambda: usual_ns(far), lambda: usual_ns(near), 1.3, "far")
        assert_more(lambda: usual_ns(far), lambda: usual_ns(at_once), 2, "one by one")


def test_gathering_reads_what_is_there() -> None:
    with gather(64_000, 50) as read:
        values = read()
        assert len(values) == 50  # type: ignore[arg-type]
        assert {value % 8 for value in values} == {0}  # type: ignore[attr-defined]
        assert set(values) != set(read())  # type: ignore[call-overload]


@pytest.mark.parametrize("ready", [chase, gather])
@pytest.mark.parametrize("size", [8 * 10**9, 0, -5, float("nan")])
def test_more_memory_than_allowed_is_refused(ready: type, size: float) -> None:
    with pytest.raises(BadInput, match="bytes"), ready(size, 10):
        pass
