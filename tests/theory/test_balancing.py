"""Routed queues on paper: the known ends (one server, chance, the best) come out."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

from perflab.systems.clients.routing import at_random, least_outstanding, round_robin, two_choices
from perflab.theory.balancing import NO_SERVER, Routed, simulate_dealt, simulate_routed
from perflab.theory.queues import mmc
from perflab.theory.simulate import simulate

NUMBER = 40_000


def load(rate: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return np.cumsum(generator.exponential(1 / rate, NUMBER)), generator.exponential(1.0, NUMBER)


def mean(routed: Routed, arrivals: np.ndarray) -> float:
    return float((routed.departures - arrivals).mean())


def test_one_server_is_a_plain_queue() -> None:
    arrivals, services = load(0.7)
    routed = simulate_routed(arrivals, services, [1.0], round_robin)
    assert routed.departures == pytest.approx(simulate(arrivals, services).departures)
    half = simulate_routed(arrivals, services, [0.5], round_robin)
    assert half.departures == pytest.approx(simulate(arrivals, services / 2).departures)


def test_requests_that_are_dealt_beforehand_are_served_in_the_same_way() -> None:
    arrivals, services = (each[:2_000] for each in load(2.0))
    routed = simulate_routed(arrivals, services, [4.0, 1.0, 1.0], at_random, 5)
    dealt = simulate_dealt(arrivals, services, [4.0, 1.0, 1.0], routed.servers)
    assert dealt.departures == pytest.approx(routed.departures)


@pytest.mark.parametrize("slowness", [[1, 1, 1], [2, 1, 1, 1]])
def test_chance_makes_as_many_queues_as_servers(slowness: list[float]) -> None:
    rate = 1.2
    arrivals, services = load(rate)
    found = mean(simulate_routed(arrivals, services, slowness, at_random), arrivals)
    alone = [mmc(rate / len(slowness), factor).response for factor in slowness]
    assert found == pytest.approx(np.mean(alone), rel=0.1)


def test_a_balancer_that_counts_is_quicker_and_none_beats_one_queue() -> None:
    arrivals, services = load(3.2)
    means = [
        mean(simulate_routed(arrivals, services, [1.0] * 4, route), arrivals)
        for route in (at_random, round_robin, two_choices, least_outstanding)
    ]
    assert means[0] > means[1] > means[3] and means[0] > means[2] > means[3]
    assert means[3] > 0.97 * mmc(3.2, 1.0, 4).response


def test_dealing_in_turn_drowns_a_slow_server_and_looking_spares_it() -> None:
    arrivals, services = load(2.0)
    slow = [4.0, 1.0, 1.0, 1.0]
    dealt, looked = (simulate_routed(arrivals, services, slow, route) for route in (round_robin, least_outstanding))
    assert mean(dealt, arrivals) > 20 * mean(looked, arrivals)
    assert (dealt.servers == 0).mean() == pytest.approx(0.25, abs=1e-3)
    assert (looked.servers == 0).mean() < 0.15


def test_a_route_sees_what_is_outstanding_at_that_moment() -> None:
    seen: list[list[int]] = []

    def first(outstanding: Sequence[int], number: int, random: Random) -> int:
        seen.append(list(outstanding))
        return 0

    simulate_routed([0, 1, 2, 6], [2, 2, 1, 1], [1, 1], first)
    assert seen == [[0, 0], [1, 0], [1, 0], [0, 0]]


def test_who_dies_takes_along_what_it_has_and_is_seen_no_more() -> None:
    seen: list[int] = []

    def last(outstanding: Sequence[int], number: int, random: Random) -> int:
        seen.append(len(outstanding))
        return 0

    routed = simulate_routed([0, 1, 2, 6], [2, 2, 9, 1], [1, 1], last, dies_at=5)
    assert seen == [2, 2, 2, 1]
    assert routed.servers.tolist() == [0, 0, 0, 1]
    assert routed.departures[[0, 1, 3]].tolist() == [2, 4, 7] and np.isnan(routed.departures[2])


def test_when_the_only_server_dies_the_rest_is_not_served() -> None:
    routed = simulate_routed([0, 6, 7], [1, 1, 1], [1], round_robin, dies_at=5)
    assert routed.servers.tolist() == [0, NO_SERVER, NO_SERVER]
    assert routed.departures[0] == 1 and np.all(np.isnan(routed.departures[1:]))


def test_a_death_after_the_end_changes_nothing() -> None:
    arrivals, services = load(2.0)
    kept, late = (simulate_routed(arrivals, services, [1.0] * 4, two_choices, 0, at) for at in (np.inf, 1e9))
    assert np.array_equal(kept.departures, late.departures) and np.array_equal(kept.servers, late.servers)
