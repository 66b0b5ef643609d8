from __future__ import annotations

import numpy as np
import pytest

from perflab.theory.replay import replay
from perflab.theory.simulate import simulate


def queue(servers: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return np.cumsum(generator.exponential(1.0, 2_000)), generator.exponential(0.8 * servers, 2_000)


@pytest.mark.parametrize("servers", [1, 2, 5])
def test_a_queue_that_is_first_come_first_served_is_replayed_exactly(servers: int) -> None:
    run = simulate(*queue(servers), servers)
    found = replay(run.arrivals, run.starts, run.departures, servers)
    assert found.replayed == pytest.approx(found.measured, rel=1e-9)
    assert found.deviation < 1e-9


def test_the_order_of_the_records_and_the_clocks_origin_do_not_matter() -> None:
    run = simulate(*queue(1))
    shuffled = np.random.default_rng(2).permutation(run.arrivals.size)
    found = replay(*(times[shuffled] + 1e9 for times in (run.arrivals, run.starts, run.departures)))
    assert found.deviation < 1e-6


def test_what_holds_requests_up_beside_the_queue_is_seen() -> None:
    run = simulate(*queue(1))
    held_up = replay(run.arrivals, run.starts + 5, run.departures + 5)
    assert held_up.measured > held_up.replayed + 4.9


@pytest.mark.parametrize("servers", [1, 3])
def test_time_between_two_requests_that_belongs_to_neither_is_seen(servers: int) -> None:
    """Near its limit a hand-over of a few percent of a service makes the queue much longer."""
    came, services = queue(servers)
    between = 0.1 * servers
    run = simulate(came, services + between, servers)
    assert replay(run.arrivals, run.starts, run.departures - between, servers).deviation > 0.25


def test_a_discipline_that_does_not_look_at_services_hardly_changes_the_mean() -> None:
    run = simulate(*queue(1), discipline=lambda number, service, kind: -number)
    assert replay(run.arrivals, run.starts, run.departures).deviation < 0.05


def test_more_servers_than_there_were_wait_less() -> None:
    run = simulate(*queue(2), 2)
    assert replay(run.arrivals, run.starts, run.departures, 4).replayed < 0.9 * np.mean(run.responses)


@pytest.mark.parametrize("columns", [([], [], []), ([1.0], [1.0], [2.0, 3.0])])
def test_records_that_do_not_pair_up_are_refused(columns: tuple[list[float], ...]) -> None:
    with pytest.raises(ValueError, match="must be requests"):
        replay(*columns)
