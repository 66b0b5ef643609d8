"""The model of the balancer is the mean of many runs, from few."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from perflab.chapters.raising_throughput import more_machines_model
from perflab.chapters.raising_throughput.more_machines_model import RUN_S, SERVICE_S, at_rate, one_queue, runs
from perflab.systems.clients.routing import ROUTES
from perflab.theory.balancing import simulate_routed
from perflab.theory.queues import mmc

RATES = range(20, 401, 20)
EQUAL, ONE_SLOW = (1.0,) * 4, (4.0, 1.0, 1.0, 1.0)


def mean_of_many(factors: tuple[float, ...], routing: str, rate: int, number: int = 60) -> float:
    """Mean over independent runs of the mean response (s) of requests served within the run."""
    generator = np.random.default_rng((rate, len(routing)))
    means = []
    for _ in range(number):
        arrivals = np.sort(generator.uniform(0, RUN_S, generator.poisson(rate * RUN_S)))
        services = generator.exponential(SERVICE_S, arrivals.size)
        departures = simulate_routed(arrivals, services, factors, ROUTES[routing]).departures
        in_time = departures <= RUN_S
        means.append(float((departures - arrivals)[in_time].mean()))
    return float(np.mean(means))


@pytest.mark.long
@pytest.mark.parametrize("routing", ["random", "two choices", "least outstanding"])
@pytest.mark.parametrize("factors", [EQUAL, ONE_SLOW, (1.0, 1.0, 1.0)], ids=str)
def test_the_model_lies_near_the_mean_of_many_runs(factors: tuple[float, ...], routing: str) -> None:
    off = [
        at_rate(factors, ROUTES[routing], rate, False).response_s / mean_of_many(factors, routing, rate) - 1
        for rate in RATES[::3]
    ]
    assert np.sqrt(np.mean(np.square(off))) < 0.09
    assert np.max(np.abs(off)) < 0.2


def test_arrivals_and_services_are_as_many_and_as_long_as_they_should_be() -> None:
    for rate in RATES:
        chosen = runs(rate)
        assert np.mean([arrivals.size for arrivals, _ in chosen]) == pytest.approx(rate * RUN_S, rel=0.01)
        assert np.concatenate([services for _, services in chosen]).mean() == pytest.approx(SERVICE_S, rel=0.08)
        assert all(np.all(np.diff(arrivals) >= 0) and arrivals[-1] <= RUN_S for arrivals, _ in chosen)


def test_far_below_the_limit_one_queue_answers_as_in_its_steady_state() -> None:
    for servers, rate in ((4, 60), (8, 200), (2, 40)):
        assert one_queue(servers, 1.0, rate) == pytest.approx(mmc(rate, SERVICE_S, servers).response, rel=0.12)


@pytest.mark.long
@pytest.mark.parametrize("servers", range(1, 9))
@pytest.mark.parametrize("routing", ROUTES)
def test_no_routing_beats_one_queue_at_any_rate(routing: str, servers: int) -> None:
    for rate in RATES:
        routed = at_rate((1.0,) * servers, ROUTES[routing], rate, False).response_s
        assert one_queue(servers, 1.0, rate) <= 1.05 * routed, rate


def test_a_curve_rises_with_the_load() -> None:
    curve = [one_queue(4, 1.0, rate) for rate in RATES]
    assert all(later > 0.97 * earlier for earlier, later in itertools.pairwise(curve))


@pytest.mark.clock
def test_a_whole_curve_is_simulated_while_a_slider_moves() -> None:
    for cached in (more_machines_model.at_rate, more_machines_model.one_queue, more_machines_model.runs):
        cached.cache_clear()
    began = time.process_time()
    for rate in (*range(20, 400, 40), 400):
        at_rate(EQUAL, ROUTES["least outstanding"], rate, False)
        one_queue(4, 1.0, rate)
    assert time.process_time() - began < 0.2, "20 ms on a quiet machine"
