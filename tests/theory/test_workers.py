"""Bounds of a pool of workers hold in a simulation of it, customer by customer."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from perflab.measure.schedule import poisson
from perflab.theory.simulate import simulate
from perflab.theory.workers import Shop, admitted, admitted_to, mean_response, served_per_s


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


SERVICE, SECONDS = 0.05, 2.0


@pytest.mark.parametrize(
    ("rate", "workers", "connections", "queue"),
    [(30, 2, 64, 10**6), (19, 1, 64, 10**6), (500, 8, 20, 100), (500, 64, 20, 100), (500, 64, 5, 0), (300, 8, 20, 0)],
)
def test_the_mean_response_is_that_of_a_simulated_queue(rate: int, workers: int, connections: int, queue: int) -> None:
    came = poisson(rate, SECONDS, 1) / 1e9
    servers = min(workers, connections)
    run = simulate(came, np.full(came.size, SERVICE), servers, workers + queue - servers)
    in_time = run.departures <= SECONDS
    expected = float((run.departures - came)[in_time].mean())
    found = mean_response(came, servers / SERVICE, SERVICE, workers + queue, SECONDS)
    assert found == pytest.approx(expected, rel=1e-9)


def test_workers_that_wait_for_a_connection_make_requests_wait_though_the_queue_has_no_place() -> None:
    came = poisson(500, SECONDS, 1) / 1e9
    assert mean_response(came, 5 / SERVICE, SERVICE, 64, SECONDS) == pytest.approx(0.518, rel=0.01)


def test_who_computes_at_the_only_cpu_waits_for_all_the_others() -> None:
    came = poisson(500, SECONDS, 1) / 1e9
    shop = Shop(0.01, 0.04, 1, 64)
    found = mean_response(came, float(shop.most(32)), SERVICE, 32, SECONDS)
    # On paper: one queue for the CPU, then a query that nobody waits for; 32 are inside at most.
    ends: list[float] = []
    free, responses = 0.0, []
    for time in came:
        if len(ends) >= 32 and ends[-32] > time:
            continue
        free = max(time, free) + 0.01
        ends.append(free + 0.04)
        responses += [ends[-1] - time] if ends[-1] <= SECONDS else []
    assert found == pytest.approx(np.mean(responses), rel=0.05)


def test_all_places_taken_bound_the_wait() -> None:
    came = poisson(1_000, SECONDS, 1) / 1e9
    assert mean_response(came, 100.0, SERVICE, 15, SECONDS) <= 15 / 100
    assert mean_response(came, 100.0, SERVICE, 5, SECONDS) == pytest.approx(SERVICE)


def test_when_no_request_is_served_in_time_there_is_no_mean() -> None:
    assert np.isnan(mean_response([0.1], 1.0, 5.0, 10, 2.0))


@pytest.mark.long
@pytest.mark.parametrize("queue", [0, 1, 3, 10, 100])
@pytest.mark.parametrize(("rate", "servers"), [(200, 8), (200, 12), (160, 8), (30, 2), (500, 20), (1_000, 1)])
def test_the_throughput_is_that_of_a_long_simulated_queue(rate: int, servers: int, queue: int) -> None:
    seconds = min(500.0, 100_000 / rate)
    came = poisson(rate, seconds, 3) / 1e9
    run = simulate(came, np.full(came.size, SERVICE), servers, queue)
    expected = rate * float((run.departures <= seconds).mean())
    found = served_per_s(rate, servers / SERVICE, SERVICE, servers + queue)
    assert found == pytest.approx(expected, rel=0.03 if queue else 0.015)
    assert found <= min(rate, servers / SERVICE) * (1 + 1e-9)


@pytest.mark.parametrize(("rate", "exact"), [(10, 9.037), (16, 12.81)])
def test_one_place_behind_one_server_is_the_worst_case(rate: float, exact: float) -> None:
    assert served_per_s(rate, 20.0, SERVICE, 2) == pytest.approx(exact, rel=0.035)


@pytest.mark.parametrize("queue", [0, 1, 10, 10_000])
@pytest.mark.parametrize(("rate", "servers"), [(200, 8), (30, 2), (1_000, 1)])
def test_a_queue_of_so_many_places_is_one_of_the_rules_of_admission(rate: int, servers: int, queue: int) -> None:
    came = poisson(rate, SECONDS, 3) / 1e9
    expected = simulate(came, np.full(came.size, SERVICE), servers, queue).departures
    np.testing.assert_allclose(admitted(came, SERVICE, servers, lambda queued: queued < queue), expected)


def test_a_rule_is_asked_only_when_all_workers_are_busy_and_told_how_many_wait() -> None:
    asked: list[int] = []
    done = admitted([0.0, 0.1, 0.2, 0.3, 2.0], 1.0, 2, lambda queued: asked.append(queued) is None)
    assert asked == [0, 1]
    assert done == pytest.approx([1.0, 1.1, 2.0, 2.1, 3.0])
    assert np.isnan(admitted([0.0, 0.1, 0.2], 1.0, 1, lambda queued: False)).tolist() == [False, True, True]


def test_without_places_to_wait_it_is_erlangs_loss_formula() -> None:
    assert served_per_s(2, 3, 1.0, 3) == pytest.approx(2 * (1 - 0.210526), rel=1e-6)


def test_no_capacity_no_worker_and_what_is_no_number_are_refused() -> None:
    for call in (
        lambda: served_per_s(10, 0.0, SERVICE, 5),
        lambda: served_per_s(-1, 10.0, SERVICE, 5),
        lambda: served_per_s(np.nan, 10.0, SERVICE, 5),
        lambda: mean_response([0.0], np.nan, SERVICE, 5, SECONDS),
        lambda: admitted([0.0], SERVICE, 0, lambda queued: True),
        lambda: admitted([0.0], 0.0, 1, lambda queued: True),
    ):
        with pytest.raises(ValueError, match="above 0|at least one worker"):
            call()
    assert served_per_s(0, 10.0, SERVICE, 5) == 0


@pytest.mark.parametrize("workers", [1, 3, 20])
@pytest.mark.parametrize("places", [0, 1, 7, 1_000])
def test_so_many_places_are_the_rule_that_looks_for_one(workers: int, places: int) -> None:
    arrivals = np.cumsum(np.random.default_rng(places).exponential(0.8 / workers, 600))
    asked = admitted(arrivals, 1.0, workers, lambda queued: queued < places)
    assert np.array_equal(admitted_to(arrivals, 1.0, workers, places), asked, equal_nan=True)
    assert places == 1_000 or np.isnan(asked).any()


def test_places_below_none_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        admitted_to([1.0], 1.0, 1, -1)
