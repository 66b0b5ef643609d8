"""Threads that race for one cache, in a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest
from full_drive import fill_up_the_drive_of

from perflab.measure.guards import BadInput
from perflab.systems.caches.races import CHECKED, ORDERS, THROUGH
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.racing import COUNTS, Racing, told


@pytest.mark.process
@pytest.mark.parametrize("order", ORDERS)
def test_clients_read_and_write_and_nothing_is_left(order: str) -> None:
    with Racing(order, 1.0, 5, 2, 1) as racing:
        folder = Path(racing._folder.name)
        found = [racing.race(0.05) for _ in range(2)]
    assert set(found[0]) == {*COUNTS, "wrong", "entries"}
    assert all(sum(each[name] for each in found) > 0 for name in ("reads", "writes", "entries"))
    assert (sum(each["fills"] for each in found) > 0) == (order != THROUGH), "where nothing is deleted, all is there"
    assert order != CHECKED or not any(each["stale"] + each["wrong"] for each in found)
    assert not folder.exists() and not psutil.pid_exists(racing.pid)


@pytest.mark.process
def test_a_rule_of_a_learners_decides_and_one_that_fails_is_one_sentence() -> None:
    with Racing(CHECKED, 1.0, 1, 2, 1, fill=lambda cache, deleted, key, version: None) as racing:
        first, then = (racing.race(seconds) for seconds in (0.3, 0.1))
        assert first["fills"] > 0 and then["entries"] == 0 < then["fills"] == then["reads"]
    with Racing(CHECKED, 1.0, 5, 2, 1, delete=lambda cache, deleted, key, version: 1 // 0) as racing:
        for _ in range(2):
            with pytest.raises(BadInput, match="`delete` raised ZeroDivisionError"):
                racing.race(0.1)


@pytest.mark.process
def test_a_drive_that_is_full_in_mid_run_is_one_sentence_and_nothing_is_left() -> None:
    with pytest.raises(ServerFailed, match="The store failed"), Racing(CHECKED, 1.0, 5, 2, 1) as racing:
        folder = Path(racing._folder.name)
        racing.race(0.05)
        fill_up_the_drive_of(racing.pid)
        for _ in range(20):
            racing.race(0.05)
    assert not folder.exists() and not psutil.pid_exists(racing.pid)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"order": "any"}, "order"),
        ({"store_ms": 0}, "store_ms"),
        ({"keys": 0}, "keys"),
        ({"writers": 10_000}, "writers"),
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_starts(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Racing(**{"order": CHECKED, "store_ms": 1.0, "keys": 5, "writers": 2, "seed": 1, **changes})


def test_what_a_rule_raises_is_told_by_its_name() -> None:
    with pytest.raises(BadInput, match="`fill` raised KeyError: 5"):
        told("fill", lambda cache, deleted, key, version: cache[key])({}, {}, 5, 1)
