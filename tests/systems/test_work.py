"""Work of four kinds: each scales as its limit lets it, and every thread ends."""

from __future__ import annotations

import threading
from statistics import median

import pytest

from perflab.measure.guards import BadInput
from perflab.systems.work import COMPUTING, KINDS, LOCKING, MEMORY, WAIT_S, WAITING, operations, throughput


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
    assert gain(MEMORY, 16) < 16


def test_one_worker_that_waits_does_as_many_as_fit() -> None:
    rate = median(throughput(operations(WAITING, 1), 0.2) for _ in range(5))
    assert 0.5 / WAIT_S < rate < 1.05 / WAIT_S


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
