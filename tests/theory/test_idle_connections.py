"""The wait for a process that keeps to an idle connection, against a simulation of each process."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from perflab.theory.idle_connections import wait_for_a_process


def by_hand(idle: int, workers: int, keep_alive: float) -> float:
    """Each connection takes the process that is free first, and keeps it for as long as the time-out."""
    free = [0.0] * workers
    for _ in range(idle):
        heapq.heappush(free, heapq.heappop(free) + keep_alive)
    return free[0]


@pytest.mark.parametrize("workers", [1, 5, 10, 50])
def test_it_is_what_each_process_for_itself_comes_to(workers: int) -> None:
    idle = np.arange(205)
    expected = [by_hand(number, workers, 0.5) for number in idle]
    assert wait_for_a_process(idle, workers, 0.5) == pytest.approx(expected)


def test_the_cliff_is_at_exactly_as_many_connections_as_processes() -> None:
    assert wait_for_a_process([9, 10, 11, 19, 20], 10, 1.0).tolist() == [0, 1, 1, 1, 2]


@pytest.mark.parametrize(("workers", "keep_alive"), [(0, 1.0), (1, -1.0)])
def test_what_cannot_be_is_refused(workers: int, keep_alive: float) -> None:
    with pytest.raises(ValueError, match="process"):
        wait_for_a_process(1, workers, keep_alive)
