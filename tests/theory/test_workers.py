"""Bounds of a pool of workers hold in a simulation of it, customer by customer."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from perflab.measure.schedule import poisson
from perflab.theory.simulate import simulate
from perflab.theory.workers import Shop, mean_response


def busy_workers(shop: Shop, workers: int, seconds: float = 200.0, seed: int = 1) -> float:
    """Throughput of workers that always find a next request: each computes, then queries, first come first served."""
    generator = np.random.default_rng(seed)
    free = {"compute": [0.0] * int(shop.cpus), "query": [0.0] * shop.connections}
    events = [(0.0, number, "compute") for number in range(workers)]
    heapq.heapify(events)
    done = 0
    while events[0][0] < seconds:
        now, worker, stage = heapq.heappop(events)
        mean = shop.compute if stage == "compute" else shop.query
        servers = free[stage]
        start = max(now, heapq.heappop(servers))
        end = start + (generator.uniform(0.5, 1.5) * mean if mean else 0.0)
        heapq.heappush(servers, end)
        heapq.heappush(events, (end, worker, "query" if stage == "compute" else "compute"))
        done += stage == "query"
    return done / seconds


@pytest.mark.parametrize("workers", [1, 2, 5, 20])
@pytest.mark.parametrize(
    "shop", [Shop(0.1, 0.4, 1, 3), Shop(0.3, 0.1, 2, 64), Shop(0.0, 0.5, 1, 4), Shop(0.2, 0.0, 1, 1)]
)
def test_a_simulated_pool_lies_between_least_and_most(shop: Shop, workers: int) -> None:
    found = busy_workers(shop, workers)
    assert 0.97 * shop.least(workers) <= found <= 1.03 * shop.most(workers)


def test_with_one_cpu_and_connections_enough_the_least_is_amdahls_law() -> None:
    shop, many = Shop(0.05, 0.95, 1, 64), np.array([1, 8, 64])
    speedup = shop.least(many) / shop.least(1)
    assert speedup == pytest.approx(many / (1 + 0.05 * (many - 1)))
    assert speedup[1:] == pytest.approx([5.92593, 15.42169], rel=1e-6), "known answers for p = .95"


def test_a_hundred_workers_on_twenty_connections_do_what_twenty_connections_can() -> None:
    assert Shop(0.0, 0.05, 1, 20).most(100) == pytest.approx(20 / 0.05)


def test_what_is_not_needed_sets_no_limit() -> None:
    assert np.isinf(Shop(0.0, 0.05, 1, 20).limits(4)["computing"])
    assert np.isinf(Shop(0.05, 0.0, 1, 20).limits(4)["connections"])


@pytest.mark.parametrize(("rate", "workers"), [(30, 2), (60, 2), (20, 1), (19, 1)])
def test_the_mean_response_is_near_that_of_a_simulated_queue(rate: int, workers: int) -> None:
    came = poisson(rate, 200.0, 1) / 1e9
    run = simulate(came, np.full(came.size, 0.05), workers)
    in_time = run.departures <= 200.0
    expected = float((run.departures - came)[in_time].mean())
    assert mean_response(came, workers / 0.05, 0.05, 10**9, 200.0) == pytest.approx(expected, rel=0.3)


def test_a_full_queue_bounds_the_wait() -> None:
    came = poisson(1_000, 2.0, 1) / 1e9
    assert mean_response(came, 100.0, 0.05, 10, 2.0) <= 0.05 + 10 / 100
    assert mean_response(came, 100.0, 0.05, 0, 2.0) == pytest.approx(0.05)


def test_when_nobody_is_served_in_time_there_is_no_mean() -> None:
    assert np.isnan(mean_response([0.1], 1.0, 5.0, 10, 2.0))
