"""What is refused before it starts."""

from __future__ import annotations

import math
from typing import Any

import pytest

from perflab.measure.guards import BadInput, Limits, check_number, machine_limits

LIMITS = Limits.of(cpus=2, memory_bytes=4_000_000_000)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, 0, 101, "", "ten", None, True, [], 1 + 2j])
def test_a_number_outside_its_range_is_refused_with_name_and_range(value: Any) -> None:
    with pytest.raises(BadInput, match=r"rows must be a number from 1 to 100; got"):
        check_number("rows", value, 1, 100)


def test_a_fraction_is_refused_where_a_whole_number_is_needed() -> None:
    with pytest.raises(BadInput, match="rows must be a whole number from 1 to 1,000,000"):
        check_number("rows", 2.5, 1, 1_000_000, whole=True)


@pytest.mark.parametrize("value", [1, 100, 2.5])
def test_a_number_in_its_range_is_handed_back(value: float) -> None:
    assert check_number("rows", value, 1, 100) == value


@pytest.mark.parametrize(
    "wanted",
    [
        {"threads": 10_000},
        {"bytes": 8e9},
        {"processes": 500},
        {"connections": 1_025},
        {"threads": -1},
    ],
    ids=str,
)
def test_more_than_the_machine_should_give_is_refused_with_limit_and_reason(wanted: dict[str, float]) -> None:
    (name,) = wanted
    with pytest.raises(BadInput, match=name):
        LIMITS.check(**wanted)


def test_a_small_machine_gets_small_limits() -> None:
    small = Limits.of(cpus=0.5, memory_bytes=1_000_000_000)
    assert small.threads < LIMITS.threads
    assert small.bytes == 250_000_000
    small.check(threads=8, bytes=1_000_000)


def test_on_windows_there_are_fewer_connections_than_its_select_can_wait_for() -> None:
    windows = Limits.of(2, 4_000_000_000, platform="win32")
    assert windows.connections < 512 < LIMITS.connections
    with pytest.raises(BadInput, match="connections: 600 asked for, at most 500 allowed"):
        windows.check(connections=600)


def test_this_machine_refuses_ten_thousand_threads_and_eight_gigabytes() -> None:
    with pytest.raises(BadInput, match=r"10,000 asked for, at most"):
        machine_limits().check(threads=10_000)
    with pytest.raises(BadInput, match=r"so that this machine stays usable"):
        machine_limits().check(bytes=8_000_000_000)
