"""The model of the service for any setting, and how its settings are measured in turns."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from lever_runs import CONSTANTS, MS

from perflab.chapters.trade_off.plane import ALONE, PER_S
from perflab.chapters.trade_off.service_limits import (
    ASYNC,
    ASYNC_POOLED,
    COMMIT_CPU,
    FEWEST,
    OFF,
    PLAIN,
    POOLED,
    QUERY_MS,
    Limits,
    Measure,
    at_once_of,
    both_loads,
    clients_of,
    conditions,
    cpu_ns,
    in_turns,
    limits_of,
    per_s,
    zlib_facts,
)
from perflab.measure import Frame
from perflab.systems.clients.service import NEW_EVERY, Answered
from perflab.systems.servers.group_commit import TIMER, WAITING

SETTINGS: dict[str, Any] = {**OFF, **conditions(8, 200, 8)}


def limits(clients: int = 24, **changed: Any) -> Limits:
    return limits_of({**SETTINGS, **changed}, clients, CONSTANTS)


def test_with_a_cache_the_mean_alone_is_more_than_the_median_by_the_misses() -> None:
    cached = limits(ttl_s=60.0)
    assert cached.mean_alone_ns - cached.alone_ns == pytest.approx((QUERY_MS + 2) * MS / NEW_EVERY)
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
    ("cpu_of_commit", "expected_ms"), [(0.0, 4.0), (0.5, 1 + 4 * 0.5), (1.0, 1 + 4.0), (1.5, 1 + 4 * 1.5)]
)
def test_a_commit_takes_turns_with_requests_as_far_as_it_needs_a_cpu(cpu_of_commit: float, expected_ms: float) -> None:
    """A request takes 1 ms of CPU, and its 4 commits 1 ms each, of which the CPU is busy for a part."""
    found = limits_of({**SETTINGS, **conditions(4, 200, 64)}, 64, {**CONSTANTS, COMMIT_CPU: cpu_of_commit * MS})
    assert found.per_s == pytest.approx(1e3 / max(4.0, expected_ms), rel=0.02)
    assert found.bottleneck == ("CPU for commits" if expected_ms > 4 else "commits")
    assert found.least == pytest.approx(1e3 / max(4.0, expected_ms))


def test_requests_of_a_batch_share_the_cpu_time_of_its_commit() -> None:
    single, shared = limits(), limits(batch=WAITING)
    assert [single.for_commits, shared.for_commits] == pytest.approx([8 * 0.4 / 4.2, (0.4 / 8) / (1 + 0.4 / 8)])
    assert shared.limits["CPU"] == pytest.approx(1e9 / ((1 + 0.4 / 8) * MS))


class Scripted:
    """A service on which a request takes 10 ms."""

    def __init__(self) -> None:
        self.loads: list[tuple[int, int]] = []

    def set(self, **settings: Any) -> None:
        self.settings = settings

    def load_in_slices(self, clients: int, seconds: float, fewest: int) -> Generator[Frame, None, Answered]:
        self.loads.append((clients, fewest))
        yield Frame()
        took = np.full(100, 10_000_000)
        return Answered(np.cumsum(took), took, 10**12)


def test_both_loads_bring_a_point_of_the_plane() -> None:
    served = Scripted()
    measure = both_loads(served, SETTINGS, 24, "its ")  # type: ignore[arg-type]
    frames = []
    while True:
        try:
            frames.append(next(measure))
        except StopIteration as ended:
            columns, calls = ended.value
            break
    assert served.settings == SETTINGS and served.loads == [(1, FEWEST), (24, 8 + FEWEST)] and len(frames) == 2
    assert {name: column.tolist() for name, column in columns.items()} == {
        f"its {ALONE}": [1e7],
        f"its {PER_S}": [pytest.approx(100)],
    }
    assert calls == 200


def test_a_frame_ends_with_each_side_and_none_always_comes_first() -> None:
    order: list[str] = []

    def measure(of: str) -> Measure:
        order.append(of)
        yield Frame()
        return {of: np.array([float(len(order))])}, 7

    frames = list(in_turns(("a", "b", "c"), 3, measure))
    assert order == [*"abc", *"bca", *"cab"]
    assert [[*frame.samples] for frame in frames if frame.samples] == [[of] for of in order]
    assert sum(frame.counts.get("calls", 0) for frame in frames) == 7 * 9


def test_there_are_always_clients_for_all_threads_and_some_more() -> None:
    assert [clients_of(threads) for threads in (1, 4, 16, 32)] == [16, 16, 24, 48]


def test_a_page_compresses_to_a_part_of_itself() -> None:
    found = zlib_facts()
    assert 0.1 < found["ratio"] < 0.6
    assert found["compress_ns"] > found["decompress_ns"] > 0
