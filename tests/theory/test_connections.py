"""Closed loops of connections: bounds that a simulation reaches."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from perflab.theory.connections import response

N = np.array([1, 2, 4, 8, 16, 32, 64])


def simulated(connections: int, service: float, servers: int, queries: int = 4_000) -> float:
    """Mean response of connections that share so many servers, in order of arrival, each service as long as the other."""
    free, arrived, total = [0.0] * servers, [0.0] * connections, 0.0
    for _ in range(queries):
        came = heapq.heappop(arrived)
        done = max(came, heapq.heappop(free)) + service
        heapq.heappush(free, done)
        heapq.heappush(arrived, done)
        total += done - came
    return total / queries


@pytest.mark.parametrize("servers", [1, 2, 5])
def test_a_simulation_reaches_the_bound(servers: int) -> None:
    for connections in N.tolist():
        expected = float(response(connections, 0.002, servers / 0.002))
        assert simulated(connections, 0.002, servers) == pytest.approx(expected, rel=0.02)


def test_known_answers() -> None:
    assert response(N, 5.0, 2.0) == pytest.approx([5, 5, 5, 5, 8, 16, 32])
    assert N / response(N, 5.0, 2.0) == pytest.approx([0.2, 0.4, 0.8, 1.6, 2, 2, 2])
    assert response([1, 2, 4], 2.0, 0.25) == pytest.approx([2, 8, 16]), "hand-overs cost as much again"
