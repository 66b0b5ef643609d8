"""Clocks."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.measure.clock import SPIN_S, Clock, VirtualClock, clock_step, measure_clock


def test_a_virtual_clock_moves_only_by_sleeping_and_by_the_cost_of_reading() -> None:
    clock = VirtualClock(reading_ns=7)
    assert [clock.now_ns(), clock.now_ns()] == [7, 14]
    clock.sleep(1.5)
    assert clock.now_ns() == 1_500_000_021


def test_who_waits_is_never_too_early_whether_there_is_time_to_sleep_or_not() -> None:
    virtual, real = VirtualClock(), Clock()
    for seconds in (0.0, SPIN_S / 2, 4 * SPIN_S):
        for clock in (virtual, real):
            began_ns = clock.now_ns()
            clock.wait(seconds)
            assert clock.now_ns() - began_ns >= round(1e9 * seconds)
    assert virtual.now_ns() == round(4.5e9 * SPIN_S), "and not a moment too late"


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


@pytest.mark.parametrize("step_ns", [10.0, 125 / 3, 100.0, 1_000.0])
@pytest.mark.parametrize("median_ns", [30.0, 130.0, 2_000.0])
def test_the_steps_of_a_clock_show_in_what_it_tells(step_ns: float, median_ns: float) -> None:
    generator = np.random.default_rng(1)
    starts = generator.uniform(0, 1e6, 4_000)
    ends = starts + generator.lognormal(np.log(median_ns), 0.02, starts.size)
    told = np.floor(np.floor(ends / step_ns) * step_ns) - np.floor(np.floor(starts / step_ns) * step_ns)
    assert clock_step(told) == pytest.approx(step_ns, abs=1.5)


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [5.0],
        [7.0] * 100,
        np.random.default_rng(1).lognormal(7, 0.3, 1_000),
        np.random.default_rng(1).lognormal(7, 0.3, 20),
        np.round(np.random.default_rng(1).normal(70, 4, 10_000)),
        np.round(np.random.default_rng(1).normal(1e6, 5e4, 1_000)),
        1e9 * np.random.default_rng(1).integers(20, 30, 500),
    ],
)
def test_a_clock_whose_steps_do_not_show_is_fine_enough(samples: list[float]) -> None:
    assert clock_step(samples) == 0
