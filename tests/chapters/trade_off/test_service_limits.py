"""The model of the service for any setting."""

from __future__ import annotations

from typing import Any

import pytest
from lever_runs import CONSTANTS, MS

from perflab.chapters.trade_off.service_limits import (
    ASYNC,
    ASYNC_POOLED,
    PLAIN,
    POOLED,
    Limits,
    adds,
    cpu_ns,
    limits_of,
    per_s,
    zlib_facts,
)
from perflab.chapters.trade_off.service_loads import OFF, QUERY_MS, at_once_of, conditions
from perflab.systems.clients.service import NEW_EVERY
from perflab.systems.servers.group_commit import TIMER, WAITING

SETTINGS: dict[str, Any] = {**OFF, **conditions(8, 200, 8)}


def limits(clients: int = 24, **changed: Any) -> Limits:
    return limits_of({**SETTINGS, **changed}, clients, CONSTANTS)


def test_with_a_cache_the_mean_alone_is_more_than_the_median_by_the_misses() -> None:
    cached = limits(ttl_s=60.0)
    assert cached.mean_alone_ns - cached.alone_ns == pytest.approx((QUERY_MS + 2 + 0.3) * MS / NEW_EVERY)
    assert limits().mean_alone_ns == limits().alone_ns


def test_levers_that_spare_the_same_spare_it_once() -> None:
    pool = limits().alone_ns - limits(pooled=True).alone_ns
    assert pool == pytest.approx(2 * MS)
    assert limits(ttl_s=60.0, pooled=True).alone_ns == limits(ttl_s=60.0).alone_ns, "a hit needs no connection"
    both, pooled = limits(ttl_s=60.0, pooled=True), limits(pooled=True)
    assert both.limits["pool"] == pytest.approx(NEW_EVERY * pooled.limits["pool"])


def test_a_timer_is_waited_for_alone_and_under_load_only_where_the_batch_does_not_fill() -> None:
    timed = {"batch": TIMER, "size": 20}
    assert limits(**timed).alone_ns - limits(batch=WAITING).alone_ns == pytest.approx(20 * MS)
    assert limits(**timed).limits["threads"] < 8e3 / 20, "8 threads never fill a batch of 20"
    filled, unfilled = (limits(**timed, asynchronous=True, clients=clients) for clients in (24, 16))
    assert filled.limits["clients"] > 2 * unfilled.limits["clients"]


def test_few_clients_leave_threads_idle() -> None:
    assert at_once_of(SETTINGS, 3) == 3 and at_once_of(SETTINGS, 24) == 8
    assert at_once_of({**SETTINGS, "asynchronous": True}, 24) == 24
    assert limits(1).per_s < limits(4).per_s <= limits(24).per_s == limits(48).per_s
    assert limits(1).per_s == pytest.approx(1e9 / ((1 + 2 + QUERY_MS + 8) * MS), rel=0.01)


@pytest.mark.parametrize(
    ("changed", "expected_ms"),
    [
        ({}, 1.0),
        ({"pooled": True}, 0.5),
        ({"ttl_s": 60.0}, 0.2 * 1.0 + 0.8 * 0.5),
        ({"ttl_s": 60.0, "pooled": True}, 0.5),
        ({"asynchronous": True}, 2.0),
        ({"asynchronous": True, "pooled": True}, 0.625),
        ({"asynchronous": True, "ttl_s": 60.0}, 0.2 * 2.0 + 0.8 * 0.625),
        ({"level": 6}, 1.0 + 0.8 + 0.2),
        ({"level": 6, "pooled": True, "asynchronous": True}, 0.625 + 1.0),
    ],
)
def test_the_cpu_time_of_a_request_is_that_of_what_it_needs(changed: dict[str, Any], expected_ms: float) -> None:
    assert cpu_ns({**SETTINGS, **changed}, CONSTANTS) == pytest.approx(expected_ms * MS)
    assert {per_s(name) for name in (PLAIN, POOLED, ASYNC, ASYNC_POOLED)} <= CONSTANTS.keys()


@pytest.mark.parametrize(
    ("one_adds", "all_add", "rows", "expected_ms"),
    [
        (1.0, 20.0, 4, 1 + 4.0),  # on one CPU they take turns
        (0.0, 19.0, 1, 1.0),  # beside an idle drive: the CPUs are busy for longer
        (0.0, 19.0, 20, 20.0),
        (1.4, 20.4, 4, 1 + 4.4),  # handing over to the writer takes time, too
        (-0.1, -0.2, 4, 4.0),  # noise
    ],
)
def test_commits_add_to_a_saturated_request_what_was_calibrated(
    one_adds: float, all_add: float, rows: int, expected_ms: float
) -> None:
    """A request takes 1 ms of the CPUs, and a commit 1 ms."""
    known = {**CONSTANTS, adds("one commit"): one_adds * MS, adds("all commits"): all_add * MS}
    found = limits_of({**SETTINGS, **conditions(rows, 200, 64)}, 64, known)
    assert found.per_s == pytest.approx(1e3 / expected_ms, rel=0.01)
    assert found.limits["commits"] == pytest.approx(1e3 / rows)
    assert found.limits["CPU"] == pytest.approx(1e3 / (1 + max(0.0, one_adds - 1)), rel=0.01)


@pytest.mark.parametrize(("rows", "expected_ms"), [(0, 0.0), (1, 0.6), (20, 4.4), (10, 0.6 + 9 * 0.2)])
def test_the_first_commit_of_a_request_alone_wakes_the_writer_up(rows: int, expected_ms: float) -> None:
    known = {**CONSTANTS, "one commit": (9 + 0.6) * MS, "commits": (9 + 4.4) * MS}
    alone, without = (limits_of({**SETTINGS, "rows": each}, 24, known).alone_ns for each in (rows, 0))
    assert alone - without == pytest.approx(expected_ms * MS)


def test_a_batch_adds_more_where_fewer_share_it() -> None:
    free = {"asynchronous": True, "level": 0, "bits_per_s": 1e9, "query_ms": 1e-3, "pooled": True}
    many, few = (limits_of({**SETTINGS, **free, "batch": WAITING}, clients, CONSTANTS).per_s for clients in (16, 4))
    assert many == pytest.approx(1e3 / (0.625 + 0.4), rel=0.1)
    assert few == pytest.approx(1e3 / (0.625 + 0.4 + 2 / 4 - 2 / 16), rel=0.25) and few < 0.8 * many


def test_a_page_compresses_to_a_part_of_itself() -> None:
    found = zlib_facts()
    assert 0.1 < found["ratio"] < 0.6
    assert found["compress_ns"] > found["decompress_ns"] > 0
