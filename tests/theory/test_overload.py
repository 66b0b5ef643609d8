"""Goodput under overload: known answers, and an event simulation of each discipline as the second computation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from perflab.theory.overload import (
    exponential,
    from_empty,
    goodput_dropping_late,
    goodput_first_come,
    goodput_shortest_first,
    late_from,
)
from perflab.theory.simulate import lifo, shortest_first, simulate

SERVICE, DEADLINE = 1.0, 20.0


@pytest.mark.parametrize(("offered", "x"), [(1.2, 0.686302), (1.5, 0.417188), (2, 0.203188), (3, 0.059520)])
def test_constant_services_whose_late_requests_are_dropped(offered: float, x: float) -> None:
    assert goodput_dropping_late(offered) == pytest.approx(x, abs=1e-6)
    assert x == pytest.approx(math.exp(-offered * (1 - x)), abs=1e-5)


@pytest.mark.parametrize("offered", [1.001, 1.5, 2, 3])
def test_exponential_services_whose_late_requests_are_dropped(offered: float) -> None:
    assert goodput_dropping_late(offered, exponential) == pytest.approx(1 / offered, abs=1e-6)


def test_a_server_that_keeps_up_answers_all() -> None:
    assert goodput_dropping_late(0.7) == goodput_dropping_late(0.7, exponential) == goodput_shortest_first(0.7) == 0.7
    assert goodput_first_come(0.7, DEADLINE, SERVICE, 500) == from_empty(0.7, DEADLINE, 500, 0.7) == 0.7
    assert late_from(1, DEADLINE, SERVICE) == math.inf


def test_first_come_first_served_is_late_from_a_known_moment_on() -> None:
    # 250 requests/s can be done, 500 arrive, each within 80 ms: all after 76 ms are late, 38 of the 500 that a run of 2 s can do.
    assert late_from(2, 0.080, 0.004) == pytest.approx(0.076)
    assert goodput_first_come(2, 0.080, 0.004, 2) == pytest.approx(0.076)
    assert goodput_first_come(2, 0.080, 0.100, 2) == 0, "no request can be answered within less than its service"
    assert goodput_first_come(1.01, 20, 1, 2) == 1, "the deadline is farther than the end of the run"


@pytest.mark.parametrize("u", [0.5, 1.0, 2.0])
def test_the_shortest_first_answers_more_requests_than_the_capacity(u: float) -> None:
    offered = 1 / (1 - (1 + u) * math.exp(-u))
    assert goodput_shortest_first(offered) == pytest.approx(offered * (1 - math.exp(-u)))
    assert goodput_shortest_first(offered) > 1
    assert goodput_shortest_first(2) == pytest.approx(1.62664, abs=1e-5)
    assert goodput_shortest_first(1 + 1e-9) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("wrong", [-0.1, math.inf, math.nan])
def test_loads_that_cannot_be_are_refused(wrong: float) -> None:
    for formula in (goodput_dropping_late, goodput_shortest_first, lambda load: late_from(load, 2, 1)):
        with pytest.raises(ValueError, match="offered load"):
            formula(wrong)


def simulated(
    offered: float, is_constant: bool, seconds: float, seeds: int, deadline: float = DEADLINE, **rules: Any
) -> float:
    """Requests answered within the deadline, over what the server can do."""
    good = 0
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        arrivals = np.sort(generator.uniform(0, seconds, generator.poisson(offered * seconds)))
        services = np.ones(arrivals.size) if is_constant else generator.exponential(1.0, arrivals.size)
        run = simulate(arrivals, services, **rules)
        good += np.count_nonzero((run.departures - arrivals <= deadline) & (run.departures <= seconds))
    return good / seeds / seconds


def drops(now: float, waited: float, service: float) -> bool:
    return waited > DEADLINE


@pytest.mark.parametrize("offered", [1.2, 1.5, 2, 3])
@pytest.mark.parametrize("is_constant", [True, False])
def test_dropping_the_late_ones_simulated(offered: float, is_constant: bool) -> None:
    closed = goodput_dropping_late(offered, *(() if is_constant else (exponential,)))
    whole = simulated(offered, is_constant, 5_000, 3, drops=drops)
    assert whole == pytest.approx(from_empty(offered, DEADLINE, 5_000, closed), rel=0.05, abs=0.02)
    brief = simulated(offered, is_constant, 500, 20, drops=drops)
    assert brief == pytest.approx(from_empty(offered, DEADLINE, 500, closed), rel=0.06, abs=0.02)


@pytest.mark.parametrize("offered", [1.5, 2, 3])
def test_first_come_first_served_simulated(offered: float) -> None:
    brief = simulated(offered, True, 500, 40)
    assert brief == pytest.approx(goodput_first_come(offered, DEADLINE, SERVICE, 500), rel=0.1)


@pytest.mark.parametrize("offered", [1.5, 2, 3])
@pytest.mark.parametrize("rules", [{"places": 10}, {"discipline": lifo}], ids=["short queue", "lifo"])
def test_a_short_queue_and_the_last_first_lose_nothing(offered: float, rules: dict[str, Any]) -> None:
    assert simulated(offered, True, 5_000, 1, **rules) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("offered", [2, 3])
def test_the_shortest_first_simulated(offered: float) -> None:
    found = simulated(offered, False, 20_000, 1, deadline=200.0, discipline=shortest_first)
    assert found == pytest.approx(goodput_shortest_first(offered), rel=0.03)
