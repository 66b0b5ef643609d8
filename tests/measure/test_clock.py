"""Clocks."""

from __future__ import annotations

import pytest

from perflab.measure.clock import Clock, VirtualClock, measure_clock


def test_a_virtual_clock_moves_only_by_sleeping_and_by_the_cost_of_reading() -> None:
    clock = VirtualClock(reading_ns=7)
    assert [clock.now_ns(), clock.now_ns()] == [7, 14]
    clock.sleep(1.5)
    assert clock.now_ns() == 1_500_000_021


def test_the_cost_of_a_reading_is_found() -> None:
    cost = measure_clock(VirtualClock(reading_ns=65))
    assert (cost.reading_ns, cost.resolution_ns) == pytest.approx((65, 65))


@pytest.mark.clock
def test_this_machines_clock_moves_and_costs_something() -> None:
    cost = measure_clock()
    assert 0 < cost.reading_ns < 1e6
    assert 0 < cost.resolution_ns < 1e9
    clock = Clock()
    assert clock.now_ns() <= clock.now_ns()
