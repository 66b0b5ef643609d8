"""Threads that add to counters, in a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest
from real_servers import require

from perflab.measure.guards import BadInput
from perflab.systems.databases.counters import COMMITTED, OPTIONS, SQLITE, TWO, fill
from perflab.systems.servers.cluster import cluster
from perflab.systems.servers.incrementing import Incrementing
from perflab.systems.servers.real.postgresql import POSTGRESQL


@pytest.mark.process
@pytest.mark.parametrize("way", SQLITE)
def test_clients_add_and_nothing_is_left(way: str) -> None:
    with Incrementing(way, 4, 1, 1.0, 1) as running:
        folder = Path(running._folder.name)
        found = [running.add(0.1) for _ in range(2)]
        alone = running.add(0.1, clients=1, think_ms=0)
    for each in found:
        assert 0 < each["in_time"] <= each["done"] and each["between_s"] <= each["whole_s"]
        assert 0 < each["sum"] < each["done"] if way == TWO else each["sum"] == each["done"]
    assert alone["sum"] == alone["done"] > 0
    assert not folder.exists() and not psutil.pid_exists(running.pid)


@pytest.mark.process
def test_clients_add_in_postgresql() -> None:
    require(POSTGRESQL)
    with cluster("counters", fill, OPTIONS) as server, Incrementing(COMMITTED, 4, 1, 1.0, 1, server.folder) as running:
        found = running.add(0.3)
    assert 0 < found["sum"] < found["done"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"way": "any"}, "way"),
        ({"counters": 0}, "counters"),
        ({"think_ms": -1}, "think_ms"),
        ({"clients": 0}, "clients"),
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_starts(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Incrementing(**{"way": TWO, "clients": 1, "counters": 1, "think_ms": 1.0, "seed": 1, **changes})
