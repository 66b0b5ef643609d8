"""Work of four kinds: each scales as its limit lets it, and every thread ends."""

from __future__ import annotations

import threading
import time
import tracemalloc
from statistics import median

import pytest

from perflab.measure.guards import BadInput
from perflab.measure.machine import effective_cpus
from perflab.systems.machine.resources import ROOM_BYTES
from perflab.systems.machine.work import (
    COMPUTING,
    KINDS,
    LOCKING,
    MEMORY,
    WAIT_S,
    WAITING,
    operations,
    throughput,
)


def gain(kind: str, workers: int, locked: float = 0.0) -> float:
    """How many times more than one worker, the median of interleaved pairs."""
    one, many = (operations(kind, number, locked) for number in (1, workers))
    return median(throughput(many, 0.1) / throughput(one, 0.1) for _ in range(5))


def test_waiting_scales_computing_in_python_does_not() -> None:
    assert gain(WAITING, 8) > 4
    assert gain(COMPUTING, 32) < 2


def test_a_lock_lets_through_one_at_a_time() -> None:
    assert gain(LOCKING, 16, locked=0.5) < 4
    assert gain(LOCKING, 8, locked=0.0) > 4


@pytest.mark.parametrize("workers", [8, 64])
def test_locked_work_stays_below_its_bound(workers: int) -> None:
    rate = median(throughput(operations(LOCKING, workers, 0.5), 0.1) for _ in range(5))
    assert rate < 1.1 / (0.5 * WAIT_S)


def test_copies_share_the_memory() -> None:
    """Where there are CPUs enough the memory bus is the limit, else the CPUs are."""
    assert gain(MEMORY, 16) < min(8, 1.5 * effective_cpus())


def test_all_who_copy_share_one_room() -> None:
    tracemalloc.start()
    todo = operations(MEMORY, 64)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(todo) == 64 and ROOM_BYTES <= taken < 1.1 * ROOM_BYTES


def test_one_worker_that_waits_does_as_many_as_fit() -> None:
    rate = median(throughput(operations(WAITING, 1), 0.2) for _ in range(5))
    assert 0.5 / WAIT_S < rate < 1.05 / WAIT_S


@pytest.mark.parametrize("workers", [1, 3])
def test_operations_that_do_not_fit_the_window_evenly_are_counted_with_all_of_their_time(workers: int) -> None:
    """17 ms into 40 ms goes 2.35 times: three operations in 51 ms are neither two nor three in 40."""
    rate = median(throughput([lambda: time.sleep(0.017)] * workers, 0.04) for _ in range(5))
    assert 0.75 < rate * 0.017 / workers < 1.0


@pytest.mark.clock
def test_an_operation_longer_than_the_window_has_a_rate() -> None:
    assert 5 < throughput([lambda: time.sleep(0.1)], 0.01) < 10


@pytest.mark.parametrize("kind", KINDS)
def test_every_thread_has_ended(kind: str) -> None:
    before = threading.active_count()
    assert throughput(operations(kind, 4, 0.2), 0.02) > 0
    assert threading.active_count() == before


def test_too_much_is_refused() -> None:
    with pytest.raises(BadInput, match="threads"):
        operations(WAITING, 100_000)
    with pytest.raises(BadInput):
        throughput(operations(WAITING, 1), 60.0)
    with pytest.raises(BadInput):
        operations(LOCKING, 1, 1.5)
    with pytest.raises(ValueError, match="waiting, computing"):
        operations("dancing", 1)
