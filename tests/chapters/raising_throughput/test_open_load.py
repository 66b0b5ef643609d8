"""Servers are called saturated when they are, not when chance makes a queue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from perflab.chapters.raising_throughput.open_load import falls_behind, grows
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.clients.routing import ROUTES
from perflab.theory.balancing import simulate_routed
from perflab.theory.simulate import simulate

RUNS = 300
SERVICE_S, RUN_S = 0.02, 2.0


def record(came: Sequence[float], done: Sequence[float]) -> Record:
    samples = {"came_s": np.array(came), "done_s": np.array(done)}
    return Record("any", {}, 1, "", Frame(samples, {}, {"elapsed_s": RUN_S}), RUN_S, "complete")


def simulated(rate: float, servers: int, routing: str, seed: int, spread: float = 1.0) -> Record:
    """A run on paper: exponential services, or constant ones with a spread of 0; one queue where no routing is named."""
    generator = np.random.default_rng((seed, servers, int(rate)))
    came = np.sort(generator.uniform(0, RUN_S, generator.poisson(rate * RUN_S)))
    services = SERVICE_S * (spread * generator.exponential(1.0, came.size) + 1 - spread)
    if routing:
        gone = simulate_routed(came, services, [1.0] * servers, ROUTES[routing]).departures
    else:
        gone = simulate(came, services, servers).departures
    return record(came, gone[gone < RUN_S])


def share_found(load: float, servers: int, routing: str = "", spread: float = 1.0) -> float:
    capacity = servers / SERVICE_S
    rate = load * capacity
    found = [
        falls_behind(simulated(rate, servers, routing, seed, spread), rate, capacity, servers) for seed in range(RUNS)
    ]
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("servers", "routing", "spread"),
    [
        (1, "", 1.0),
        (1, "", 0.0),
        (4, "", 0.0),
        (4, "round robin", 1.0),
        (8, "random", 1.0),
        (8, "least outstanding", 1.0),
    ],
)
def test_chance_is_hardly_ever_called_saturation_and_saturation_hardly_ever_missed(
    servers: int, routing: str, spread: float
) -> None:
    for load in (0.5, 0.8, 0.9):
        assert share_found(load, servers, routing, spread) <= 0.02, load
    assert share_found(1.2, servers, routing, spread) >= 0.9
    assert share_found(1.5, servers, routing, spread) >= 0.99


def test_a_server_that_can_do_less_than_was_thought_is_found_by_its_backlog() -> None:
    runs = [simulated(200, 2, "", seed) for seed in range(RUNS)]
    found = [falls_behind(run, 200, 1_000, 2) for run in runs]
    assert np.mean(found) > 0.95


def test_a_backlog_that_stands_still_does_not_grow() -> None:
    came = np.linspace(0, 2, 400)
    assert not grows(came, came[:200] + 1.0, 2.0)
    assert grows(came, came[:100], 2.0)
    assert not grows([], [], 0.0)
