"""Many servers, first come first served: block by block, to the bit as one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perflab.theory.many_servers import BLOCKS, MAX_SERVERS, MIN_CUSTOMERS, in_blocks, one_by_one, starts_of_service

MANY = 2 * MIN_CUSTOMERS + 77


def queue(load: float, servers: int, customers: int = MANY, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """When customers of M/M/c come, and how long each is served."""
    generator = np.random.default_rng(seed)
    arrivals = np.cumsum(generator.exponential(1 / (load * servers), customers))
    return arrivals, generator.exponential(1.0, customers)


def idle(servers: int) -> np.ndarray:
    return np.full(servers, -math.inf)


@pytest.mark.long
@pytest.mark.parametrize("servers", [2, 3, 4, 8, MAX_SERVERS])
@pytest.mark.parametrize("load", [0.1, 0.3, 0.5])
def test_blocks_are_one_by_one_to_the_bit(load: float, servers: int) -> None:
    times, work = queue(load, servers)
    starts, free = in_blocks(times, work, servers)
    assert starts.size == MANY // BLOCKS * BLOCKS, "blocks are what was tested"
    assert np.array_equal(starts, one_by_one(times, work, idle(servers))[: starts.size])
    rest = slice(starts.size, None)
    assert np.array_equal(one_by_one(times[rest], work[rest], free), one_by_one(times, work, idle(servers))[rest])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_blocks_that_begin_in_a_queue_are_gone_through_again(seed: int) -> None:
    times, work = queue(0.5, 4, seed=seed)
    # A rush over some blocks: the queue is empty in none of them, and each has to know how the one before it ended.
    work[50_000:51_000] *= 8
    starts, _ = in_blocks(times, work, 4)
    assert starts.size
    assert np.array_equal(starts, one_by_one(times, work, idle(4))[: starts.size])
    assert (starts - times[: starts.size])[50_900:51_000].min() > 10, "it is a rush"


@pytest.mark.parametrize("load", [0.99, 1.2])
def test_where_queues_hardly_ever_empty_blocks_give_up(load: float) -> None:
    times, work = queue(load, 4)
    assert in_blocks(times, work, 4)[0].size == 0
    assert np.array_equal(starts_of_service(times, work, 4), one_by_one(times, work, idle(4)))


@pytest.mark.parametrize("customers", [0, 1, 5, MIN_CUSTOMERS - 1, MIN_CUSTOMERS, MANY])
@pytest.mark.parametrize("servers", [2, MAX_SERVERS + 1])
def test_all_customers_are_served_in_time(customers: int, servers: int) -> None:
    times, work = queue(0.6, servers, customers)
    starts = starts_of_service(times, work, servers)
    assert starts.shape == (customers,)
    assert np.array_equal(starts, one_by_one(times, work, idle(servers)))


def test_who_comes_at_the_same_moment_is_served_one_after_the_other() -> None:
    times = np.repeat(np.arange(MIN_CUSTOMERS // 4) * 2.0, 4)
    starts = starts_of_service(times, np.ones(times.size), 2)
    assert np.array_equal(starts - times, np.tile([0.0, 0.0, 1.0, 1.0], times.size // 4))
