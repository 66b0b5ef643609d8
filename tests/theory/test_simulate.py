"""The simulator against closed forms, against itself, and against bookkeeping."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory.littles_law import observe
from perflab.theory.many_servers import PART
from perflab.theory.queues import mean_wait, mmc
from perflab.theory.simulate import SimulatedQueue, fifo, lifo, lindley, shortest_first, simulate

CUSTOMERS = 200_000
MILLISECONDS = st.integers(0, 5_000).map(lambda number: number / 1_000)
TIMES = st.lists(st.tuples(MILLISECONDS, MILLISECONDS), min_size=1, max_size=60)


def priority(number: int, service: float, kind: int) -> tuple[int, int]:
    return kind, number


def streams(rate: float, seed: int = 1, count: int = CUSTOMERS) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return np.cumsum(generator.exponential(1 / rate, count)), generator.exponential(1.0, count)


def of(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    gaps, services = np.array(pairs).T
    return np.cumsum(gaps), services


@pytest.mark.parametrize(("servers", "utilisation"), [(1, 0.5), (1, 0.8), (4, 0.8), (10, 0.7)])
def test_means_are_those_of_the_closed_form(servers: int, utilisation: float) -> None:
    run = simulate(*streams(utilisation * servers), servers)
    assert run.responses.mean() == pytest.approx(mmc(utilisation * servers, 1.0, servers).response, rel=0.05)


@pytest.mark.parametrize(("rate", "loss", "inside"), [(0.9, 0.0508137, 3.96944), (1.0, 1 / 11, 5.0)])
def test_a_bounded_queue_loses_as_many_as_m_m_1_10(rate: float, loss: float, inside: float) -> None:
    run = simulate(*streams(rate), 1, places=9)
    assert run.lost.mean() == pytest.approx(loss, abs=0.006)
    assert run.responses.mean() == pytest.approx(inside / (rate * (1 - loss)), rel=0.05)


def test_the_recursion_is_that_of_lindley() -> None:
    times, services = streams(0.8, count=2_000)
    wait, expected = 0.0, [0.0]
    for gap, service in zip(np.diff(times), services[:-1], strict=True):
        wait = max(0.0, wait + service - gap)
        expected.append(wait)
    assert lindley(times, services) == pytest.approx(expected, abs=1e-9)


@given(TIMES, st.integers(1, 4))
def test_the_quick_ways_serve_exactly_as_the_general_one(pairs: list[tuple[float, float]], servers: int) -> None:
    times, services = of(pairs)
    general = simulate(times, services, servers, places=times.size).starts
    assert simulate(times, services, servers).starts == pytest.approx(general)


@given(TIMES, st.integers(1, 3), st.sampled_from([fifo, lifo, shortest_first, priority]), st.integers(0, 5))
def test_no_request_starts_early_no_server_is_shared_and_littles_law_holds(
    pairs: list[tuple[float, float]], servers: int, discipline: Any, places: int
) -> None:
    times, services = of(pairs)
    run = simulate(times, services, servers, places, discipline, np.arange(times.size) % 2)
    served = ~run.lost
    assert np.all(run.starts[served] >= times[served])
    for moment in run.starts[served]:
        assert np.sum((run.starts[served] <= moment) & (run.departures[served] > moment)) <= servers
    if run.departures[served].max() > times[served].min():
        flow = observe(times[served], run.departures[served])
        assert flow.inside == pytest.approx(flow.rate * flow.time_inside, rel=1e-9)


@given(TIMES)
def test_the_order_of_service_does_not_change_how_long_one_server_is_busy(pairs: list[tuple[float, float]]) -> None:
    times, services = of(pairs)
    ends = [simulate(times, services, 1, math.inf, order).departures.max() for order in (fifo, lifo, shortest_first)]
    assert ends == pytest.approx([ends[0]] * 3)


def test_disciplines_choose_the_next_request() -> None:
    times, services, kinds = np.array([0.0, 1, 2, 3]), np.array([10.0, 3, 1, 2]), [0, 2, 1, 0]

    def order(discipline: Any) -> list[int]:
        return np.argsort(simulate(times, services, 1, math.inf, discipline, kinds).starts).tolist()

    assert order(fifo) == [0, 1, 2, 3]
    assert order(lifo) == [0, 3, 2, 1]
    assert order(shortest_first) == [0, 2, 3, 1]
    assert order(priority) == [0, 3, 2, 1]
    assert order(lambda number, service, kind: -service) == [0, 1, 3, 2]


def test_shortest_first_shortens_the_mean_and_lifo_stretches_the_tail() -> None:
    times, services = streams(0.9, count=50_000)
    runs = {rule: simulate(times, services, 1, math.inf, rule) for rule in (fifo, lifo, shortest_first)}
    assert runs[shortest_first].waits.mean() < 0.7 * runs[fifo].waits.mean()
    assert runs[lifo].waits.mean() == pytest.approx(runs[fifo].waits.mean(), rel=0.05)
    assert np.quantile(runs[lifo].waits, 0.999) > 2 * np.quantile(runs[fifo].waits, 0.999)


def test_one_server_with_two_kinds_of_service_follows_pollaczek_and_khinchine() -> None:
    times, _ = streams(0.7)
    services = np.random.default_rng(3).choice([0.5, 1.5], CUSTOMERS)
    assert simulate(times, services).waits.mean() == pytest.approx(mean_wait(0.7, 1.0, 1.25), rel=0.05)


def test_a_rule_lets_customers_queue_and_another_drops_them_when_their_turn_has_come() -> None:
    times, services = [0.0, 1.0, 2.0, 3.0], [4.0, 1.0, 1.0, 9.0]
    short = simulate(times, services, may_queue=lambda queued, service: service < 5)
    assert short.lost.tolist() == [False, False, False, True]
    asked: list[tuple[float, float, float]] = []

    def drops(now: float, waited: float, service: float) -> bool:
        asked.append((now, waited, service))
        return waited > 2.5

    late = simulate(times, services, drops=drops)
    assert asked == [(0, 0, 4), (4, 3, 1), (4, 2, 1), (5, 2, 9)]
    assert late.lost.tolist() == [False, True, False, False] and late.waits.tolist() == [0, 2, 2]


@given(TIMES, st.integers(1, 3), st.integers(0, 4))
def test_a_rule_about_the_number_that_waits_is_a_number_of_places(
    pairs: list[tuple[float, float]], servers: int, places: int
) -> None:
    times, services = of(pairs)
    by_rule = simulate(times, services, servers, may_queue=lambda queued, _: queued < places)
    assert simulate(times, services, servers, places).starts == pytest.approx(by_rule.starts, nan_ok=True)


def test_a_queue_without_places_rejects_each_request_that_cannot_start() -> None:
    run = simulate([0.0, 1.0, 2.0], [1.5, 1.0, 1.0], 1, places=0)
    assert run.lost.tolist() == [False, True, False]
    assert isinstance(run, SimulatedQueue) and run.waits.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("arrivals", "services", "servers", "message"),
    [
        ([0, 1], [1], 1, "one service"),
        ([1, 0], [1, 1], 1, "order of time"),
        ([0], [-1], 1, "negative"),
        ([0], [1], 0, "server"),
        ([0, np.nan], [1, 1], 1, "order of time"),
        ([np.nan], [1], 1, "order of time"),
        ([0], [np.nan], 1, "negative"),
    ],
)
def test_streams_that_cannot_be_are_refused(arrivals: Any, services: Any, servers: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(arrivals, services, servers)


@pytest.mark.parametrize("kinds", [[0], [0, 1, 0, 1], []])
def test_each_customer_has_a_class_or_none_has(kinds: list[int]) -> None:
    with pytest.raises(ValueError, match="one class"):
        simulate([0, 1, 2], [1, 1, 1], places=2, kinds=kinds)


def test_without_arrivals_there_is_no_run_to_replay() -> None:
    assert simulate([], []).responses.size == simulate([], [], 3).responses.size == 0


@pytest.mark.parametrize("servers", [2, 4])
def test_a_long_queue_served_in_parts_is_the_same_as_one_customer_after_the_other(servers: int) -> None:
    generator = np.random.default_rng(1)
    size = 2 * PART + 7
    arrivals = np.cumsum(generator.exponential(1 / (0.9 * servers), size))
    services = generator.exponential(1.0, size)
    in_parts, one_by_one = (simulate(arrivals, services, servers, places=places) for places in (np.inf, size))
    assert np.allclose(in_parts.starts, one_by_one.starts)
