"""Closed loops of connections: bounds that a simulation reaches, and group commit by following its batches."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from perflab.theory.batching import Cost, saturated
from perflab.theory.connections import fit_group_commit, group_commit, response

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
    assert group_commit([1, 2, 10], 3.0, 0.5) == pytest.approx([3.5, 7, 11])


@pytest.mark.parametrize(("each_commit", "each_request"), [(3.0, 0.5), (1.0, 0.01), (0.1, 1.0)])
def test_group_commit_is_what_following_its_batches_gives(each_commit: float, each_request: float) -> None:
    followed = [n / saturated(n, 1_000, 0.0, Cost(each_commit, each_request)) for n in N.tolist()]
    assert group_commit(N, each_commit, each_request) == pytest.approx(followed, rel=1e-6)


def test_its_constants_are_found_again_and_never_negative() -> None:
    assert fit_group_commit([1, 8, 64], group_commit([1, 8, 64], 0.3, 0.02)) == pytest.approx((0.3, 0.02))
    assert fit_group_commit([8, 64], group_commit([8, 64], 2.0, 0.1)) == pytest.approx((2.0, 0.1))
    assert fit_group_commit([1, 8, 64], [9.0, 4.0, 3.0])[1] == 0
    with pytest.raises(ValueError, match="two different"):
        fit_group_commit([8, 8], [1.0, 2.0])
