"""What each lever should do: the tightest resource decides, and a lever on another one changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lever_runs import CONSTANTS, MS

from perflab.chapters.trade_off.levers_model import (
    ASYNC,
    AT_ONCE,
    CACHING,
    COMPRESSION,
    LEVERS,
    POOLING,
    SWITCHES,
    TIMED,
    limits_of,
    predict,
    with_commits_of,
)
from perflab.chapters.trade_off.service_limits import Limits
from perflab.chapters.trade_off.service_loads import BATCH, CONNECTIONS, MAX_WAIT_MS, QUERY_MS, REPLY_BYTES

COMMITS: dict[str, Any] = {"commits": 20, "link": 500, "threads": 16}
LINK: dict[str, Any] = {"commits": 1, "link": 10, "threads": 16}
THREADS: dict[str, Any] = {"commits": 1, "link": 500, "threads": 2}


def limits(lever: str, **conditions: Any) -> Limits:
    return limits_of(lever, **{**COMMITS, **conditions}, constants=CONSTANTS)


def changes(lever: str, conditions: dict[str, Any]) -> tuple[float, float]:
    """Latency and capacity, times the baseline's."""
    capacity, alone = limits(lever, **conditions).point
    base_capacity, base_alone = limits("", **conditions).point
    return alone / base_alone, capacity / base_capacity


def test_a_request_alone_is_the_sum_of_its_parts() -> None:
    way = 8e3 * REPLY_BYTES / 500
    assert limits("").alone_ns == pytest.approx(1 * MS + 2 * MS + 8 * MS + 20 * MS + way)
    assert limits(POOLING).alone_ns == pytest.approx(limits("").alone_ns - 2 * MS)
    assert limits(CACHING).alone_ns == pytest.approx(limits("").alone_ns - (2 + QUERY_MS + 0.3) * MS), "a hit 0.7 ms"
    assert limits(AT_ONCE).alone_ns == pytest.approx(limits("").alone_ns - 18 * MS)
    assert limits(TIMED).alone_ns == pytest.approx(limits(AT_ONCE).alone_ns + MAX_WAIT_MS * MS)
    assert limits(COMPRESSION).alone_ns == pytest.approx(limits("").alone_ns + 1 * MS - 0.75 * way)
    assert limits(ASYNC).alone_ns == limits("").alone_ns


@pytest.mark.parametrize(("conditions", "bottleneck"), [(COMMITS, "commits"), (LINK, "link"), (THREADS, "threads")])
def test_each_condition_can_be_the_bottleneck(conditions: dict[str, Any], bottleneck: str) -> None:
    assert limits("", **conditions).bottleneck == bottleneck


@pytest.mark.parametrize(
    ("conditions", "those_that_help"),
    [(COMMITS, {TIMED, AT_ONCE}), (LINK, {COMPRESSION}), (THREADS, {CACHING, POOLING, ASYNC})],
)
def test_a_lever_on_what_is_not_the_bottleneck_does_not_raise_capacity(
    conditions: dict[str, Any], those_that_help: set[str]
) -> None:
    assert {lever for lever in LEVERS if changes(lever, conditions)[1] > 1.05} == those_that_help


def test_the_capacity_of_each_resource() -> None:
    found = limits("").limits
    assert found["commits"] == pytest.approx(1e9 / (20 * MS))
    assert found["link"] == pytest.approx(500e6 / 8 / REPLY_BYTES)
    assert found["threads"] == pytest.approx(16 * 1e9 / (31 * MS))
    assert found["CPU"] == 1_000 and limits(ASYNC).limits["CPU"] == 500
    assert limits(POOLING).limits["pool"] == CONNECTIONS * 1e3 / QUERY_MS
    assert "threads" not in limits(ASYNC).limits and limits(ASYNC, threads=1).limits["clients"] > 2 * 1e9 / (31 * MS)


def test_a_cache_costs_the_cpus_less_than_no_cache_and_more_than_hits_alone() -> None:
    assert 1_000 < limits(CACHING).limits["CPU"] < 2_000
    assert limits(CACHING).limits["CPU"] == pytest.approx(1 / (0.2 / 1_000 + 0.8 / 2_000))


def test_a_batch_that_threads_cannot_fill_waits_for_its_timer() -> None:
    few, many = limits(TIMED, threads=BATCH - 1, commits=1), limits(TIMED, threads=BATCH, commits=1)
    assert few.limits["threads"] < (BATCH - 1) * 1e3 / MAX_WAIT_MS
    assert many.limits["threads"] > 1.5 * few.limits["threads"]
    assert changes(TIMED, THREADS)[1] < 0.6 < 1 < changes(TIMED, COMMITS)[1]


def test_compressing_shortens_a_request_on_a_slow_link_and_lengthens_it_on_a_fast_one() -> None:
    assert changes(COMPRESSION, LINK)[0] < 0.8
    assert changes(COMPRESSION, COMMITS)[0] > 1


def test_the_model_of_a_setting_holds_all_levers_under_its_conditions() -> None:
    model = predict(CACHING, **COMMITS, constants=CONSTANTS)
    assert model.here == limits(CACHING).point and model.base == limits("").point
    assert len(model.changes) == 2 * len(LEVERS)
    cached = model.changes["caching · latency"]
    assert cached.value == pytest.approx(changes(CACHING, COMMITS)[0])
    assert (cached.low, cached.high) == (cached.value, 1.0), "drawn as a bar that begins at 1"
    assert SWITCHES.keys() == set(LEVERS)


def test_noise_in_a_calibration_takes_no_time_away() -> None:
    found = limits_of("", **COMMITS, constants={**CONSTANTS, "handshake": 8.9 * MS, "commits": 8.9 * MS})
    assert found.alone_ns == pytest.approx(9 * MS + 8e3 * REPLY_BYTES / 500)
    assert np.isinf(found.limits["commits"])


def test_commits_are_as_quick_as_in_the_run() -> None:
    known = with_commits_of(CONSTANTS, limits("").alone_ns - 10 * MS, **COMMITS)
    quick = limits_of("", **COMMITS, constants=known)
    assert quick.alone_ns == pytest.approx(limits("").alone_ns - 10 * MS)
    assert quick.limits["commits"] == pytest.approx(2 * limits("").limits["commits"])
    assert quick.per_s == pytest.approx(1e9 / ((1 + 19.5 / 2) * MS), rel=0.01), "and add half as much"
    batched = limits_of(AT_ONCE, **COMMITS, constants=known)
    assert batched.alone_ns == pytest.approx(limits(AT_ONCE).alone_ns - 1 * MS), "half as long, one commit too"
    same = with_commits_of(CONSTANTS, limits("", commits=1).alone_ns, **{**COMMITS, "commits": 1})
    assert same == pytest.approx(CONSTANTS)
