from __future__ import annotations

import random

import pytest

from perflab.theory.lost_updates import lost_share, overtaken


@pytest.mark.parametrize(("counters", "percent"), [(1, 75.0), (10, 23.0769), (100, 2.91262)])
def test_four_clients_that_never_rest(counters: int, percent: float) -> None:
    assert 100 * lost_share(overtaken(4, counters, 1.0)) == pytest.approx(percent, rel=1e-5)


def test_one_client_loses_nothing() -> None:
    assert overtaken(1, 1, 1.0) == lost_share(0.0) == 0


@pytest.mark.parametrize(("clients", "counters"), [(2, 1), (4, 1), (8, 1), (4, 10)])
def test_clients_that_write_and_read_again_at_random_moments_lose_that_share(clients: int, counters: int) -> None:
    """f = 1: each event is one client's write and its next read, and all clients are as likely to be the next."""
    chance, values, writes = random.Random(1), [0] * counters, 100_000
    read = [(0, 0)] * clients
    for _ in range(writes):
        client = chance.randrange(clients)
        key, value = read[client]
        values[key] = value + 1
        key = chance.randrange(counters)
        read[client] = key, values[key]
    assert 1 - sum(values) / writes == pytest.approx(lost_share(overtaken(clients, counters, 1.0)), abs=0.006)
