"""Closed forms of queues against their known answers."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory.queues import (
    closed,
    erlang_b,
    erlang_c,
    mean_wait,
    mmc,
    priority_wait,
)
from perflab.theory.simulate import simulate


@pytest.mark.parametrize(("variation", "wait"), [(0, 2), (1, 4), (4, 10)])
def test_the_known_answers_of_one_server_at_80_percent(variation: float, wait: float) -> None:
    assert mean_wait(0.8, 1.0, 1 + variation) == pytest.approx(wait)


@pytest.mark.parametrize(("utilisation", "response"), [(0.5, 2), (0.8, 5), (0.9, 10), (0.95, 20)])
def test_exponential_service_gives_the_response_of_m_m_1(utilisation: float, response: float) -> None:
    assert 1 + mean_wait(utilisation, 1.0, 2.0) == pytest.approx(response)


def test_a_server_that_cannot_keep_up_has_no_mean_wait() -> None:
    assert mean_wait(1.0, 1.0, 1.0) == math.inf
    assert mean_wait(3.0, 1.0, 2.0) == math.inf


@given(st.floats(0, 0.99), st.floats(0.001, 10))
def test_the_unit_of_time_does_not_matter(utilisation: float, mean: float) -> None:
    assert mean_wait(utilisation / mean, mean, 2 * mean**2) == pytest.approx(mean * mean_wait(utilisation, 1, 2))


def test_it_agrees_with_a_long_simulated_queue() -> None:
    generator = np.random.default_rng(5)
    gaps, service = generator.exponential(1 / 0.7, 400_000), generator.choice([0.5, 1.5], 400_000)
    wait, total = 0.0, 0.0
    for gap, took in zip(gaps[1:], service[:-1], strict=True):
        wait = max(0.0, wait + took - gap)
        total += wait
    assert total / gaps.size == pytest.approx(mean_wait(0.7, 1.0, 1.25), rel=0.05)


@given(st.floats(0, 0.99), st.floats(0.1, 10), st.floats(0, 10))
def test_one_class_waits_as_in_first_come_first_served_and_several_less_if_the_shortest_goes_next(
    utilisation: float, service: float, longer: float
) -> None:
    assert priority_wait(utilisation / service, [service]) == pytest.approx(
        mean_wait(utilisation / service, service, service**2)
    )
    two = np.array([service, service + longer])
    rate = utilisation / float(two.mean())
    usual = mean_wait(rate, float(two.mean()), float((two**2).mean()))
    assert priority_wait(rate, two) <= usual * (1 + 1e-9)
    assert priority_wait(rate, two[::-1]) >= usual * (1 - 1e-9)


def test_the_shortest_first_agrees_with_a_long_simulated_queue() -> None:
    generator = np.random.default_rng(5)
    kinds = np.array([0.2, 0.6, 1.0, 2.2])
    came, services = np.cumsum(generator.exponential(1 / 0.8, 400_000)), generator.choice(kinds, 400_000)
    run = simulate(came, services, discipline=lambda number, service, kind: service)
    assert run.responses.mean() - services.mean() == pytest.approx(priority_wait(0.8, kinds), rel=0.05)


def test_classes_that_keep_the_server_too_busy_or_cannot_be() -> None:
    assert priority_wait(1.0, [0.5, 1.5]) == math.inf
    for rate, services in ((-1.0, [1.0]), (1.0, [-1.0]), (1.0, [])):
        with pytest.raises(ValueError, match="must not be negative"):
            priority_wait(rate, services)


@pytest.mark.parametrize("moments", [(-1, 1, 1), (1, -1, 1), (1, 1, 0.5)])
def test_moments_that_cannot_be_are_refused(moments: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        mean_wait(*moments)


@pytest.mark.parametrize(("servers", "offered", "waits"), [(2, 1.6, 0.711111), (3, 2, 0.444444), (10, 8, 0.409180)])
def test_the_known_answers_of_erlang_c(servers: int, offered: float, waits: float) -> None:
    assert erlang_c(servers, offered) == pytest.approx(waits, abs=1e-6)


def test_the_known_answer_of_erlang_b() -> None:
    assert erlang_b(3, 2) == pytest.approx(0.210526, abs=1e-6)
    assert erlang_b(1, 0) == 0


@pytest.mark.parametrize(("utilisation", "response"), [(0.5, 2), (0.8, 5), (0.9, 10), (0.95, 20)])
def test_the_known_answers_of_m_m_1(utilisation: float, response: float) -> None:
    steady = mmc(utilisation, 1.0)
    assert steady.response == pytest.approx(response)
    assert steady.inside == pytest.approx(utilisation * response)


@pytest.mark.parametrize(("clients", "throughput", "response"), [(10, 7.85418, 0.27321), (20, 9.98131, 1.00375)])
def test_the_known_answers_of_a_closed_system(clients: int, throughput: float, response: float) -> None:
    found = closed(clients, [0.1], 1.0)
    assert (found.throughput, found.response) == pytest.approx((throughput, response), rel=1e-5)


def test_the_known_answers_of_two_stations() -> None:
    found = closed(2, [0.1, 0.2])
    assert found.throughput == pytest.approx(4.285714, abs=1e-6)
    assert found.responses == pytest.approx((0.133333, 0.333333), abs=1e-6)
    assert found.inside == pytest.approx((0.571429, 1.428571), abs=1e-6)
    assert closed(0, [0.1, 0.2]) == (0.0, pytest.approx(0.3), (0.1, 0.2), (0.0, 0.0))


def test_a_station_that_is_visited_more_often_is_one_with_as_much_more_service() -> None:
    often, long = closed(5, [0.1, 0.05], 0.3, visits=[1, 4]), closed(5, [0.1, 0.2], 0.3)
    assert often[:2] == pytest.approx(long[:2]) and often.inside == pytest.approx(long.inside)
    assert 4 * often.responses[1] == pytest.approx(long.responses[1]), "the response is that of one visit"


@pytest.mark.long
def test_stations_of_a_closed_system_are_what_a_simulation_finds() -> None:
    generator, seconds, clients = np.random.default_rng(1), 20_000.0, 3
    services, often = (0.1, 0.05), (1, 4)
    busy_until, at = [0.0, 0.0], [0.0, 0.0]
    coming, rounds = [(0.0, number, 0) for number in range(clients)], 0
    while (now := heapq.heappop(coming))[0] < seconds:
        moment, client, step = now
        station = 0 if step < often[0] else 1
        ends = max(moment, busy_until[station]) + generator.exponential(services[station])
        at[station] += ends - moment
        busy_until[station] = ends
        step = (step + 1) % sum(often)
        rounds += step == 0
        heapq.heappush(coming, (ends, client, step))
    found = closed(clients, services, visits=often)
    assert rounds / seconds == pytest.approx(found.throughput, rel=0.02)
    assert np.array(at) / seconds == pytest.approx(found.inside, rel=0.03)


@given(st.floats(0.05, 0.95), st.integers(1, 12))
def test_littles_law_holds(utilisation: float, servers: int) -> None:
    steady = mmc(utilisation * servers, 1.0, servers)
    assert steady.inside == pytest.approx(steady.throughput * steady.response)


@given(st.integers(1, 60), st.lists(st.floats(0.01, 1), min_size=1, max_size=4), st.floats(0, 5))
def test_a_closed_system_stays_within_its_asymptotes(clients: int, demands: list[float], think: float) -> None:
    throughput, response, _, inside = closed(clients, demands, think)
    longest, total = max(demands), sum(demands)
    assert throughput <= min(1 / longest, clients / (total + think)) * (1 + 1e-9)  # Denning and Buzen 1978
    assert response >= max(total, clients * longest - think) * (1 - 1e-9)
    assert clients == pytest.approx(throughput * (response + think))
    assert sum(inside) == pytest.approx(throughput * response)


def test_more_than_the_servers_can_do_grows_without_end() -> None:
    assert mmc(3.0, 1.0, 2).response == math.inf
    assert mmc(3.0, 1.0, 2).throughput == 2.0
    assert erlang_c(2, 3.0) == 1.0


NAN, INF = math.nan, math.inf
WRONG: dict[str, Callable[[], object]] = {
    "no server": lambda: mmc(1, 1, 0),
    "negative rate": lambda: mmc(-1, 1),
    "negative rate and service": lambda: mmc(-1, -1),
    "no rate": lambda: mmc(NAN, 1),
    "no service": lambda: mmc(1, NAN),
    "infinite rate": lambda: mmc(INF, 0),
    "Erlang B, no server": lambda: erlang_b(0, 1),
    "Erlang B, no load": lambda: erlang_b(3, NAN),
    "Erlang B, negative load": lambda: erlang_b(3, -1),
    "Erlang C, no load": lambda: erlang_c(3, NAN),
    "Erlang C, no server, much load": lambda: erlang_c(0, 5),
    "mean wait, no rate": lambda: mean_wait(NAN, 1, 1),
    "mean wait, no moment": lambda: mean_wait(0.5, 1, NAN),
    "priorities, no rate": lambda: priority_wait(NAN, [1.0]),
    "priorities, no service": lambda: priority_wait(0.1, [1.0, NAN]),
    "negative clients": lambda: closed(-1, [1]),
    "negative think time": lambda: closed(1, [1], -1),
    "a demand that is none": lambda: closed(1, [1, NAN]),
    "a think time that is none": lambda: closed(1, [1], NAN),
    "nothing takes time": lambda: closed(5, [0]),
    "nothing takes time, with think time 0": lambda: closed(2, [0.0], 0),
    "no station": lambda: closed(2, []),
    "a station without visits": lambda: closed(2, [1, 1], visits=[1]),
    "negative visits": lambda: closed(2, [1, 1], visits=[1, -1]),
    "visits that are none": lambda: closed(2, [1, 1], visits=[1, NAN]),
    "for ever": lambda: closed(2, [INF]),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_loads_that_cannot_be_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must"):
        wrong()


def test_much_load_and_many_servers_do_not_overflow() -> None:
    assert erlang_b(1_000, 1e6) == pytest.approx(1 - 1e-3, rel=1e-4)
    assert 0 < erlang_b(5_000, 4_900.0) < 0.02
    assert erlang_b(2_000, 1.0) == 0.0
    assert mmc(0.0, 1.0).response == 1.0 and mmc(5.0, 0.0).response == 0.0


@pytest.mark.parametrize("servers", range(1, 41))
def test_a_utilisation_of_one_grows_without_end_also_when_rounding_makes_it_a_little_less(servers: int) -> None:
    service = 0.02
    for rate in (servers / service, servers / service * (1 - 1e-15), servers * 50 * 0.999_999_999_99):
        assert mmc(rate, service, servers).response == math.inf
        assert mmc(rate, service, servers).throughput == pytest.approx(servers / service)
        assert erlang_c(servers, rate * service) == 1.0
    assert mean_wait(1 - 1e-15, 1.0, 2.0) == math.inf
    assert mmc(0.999 * servers / service, service, servers).response < math.inf
