from time import perf_counter_ns

import pytest
from relations import assert_more, two_of_three

from perflab.systems.machine.computing import compute, steps_per_ms


def best_ns(steps: int) -> int:
    times = []
    for _ in range(15):
        started = perf_counter_ns()
        compute(steps)
        times.append(perf_counter_ns() - started)
    return min(times)


@pytest.mark.clock
def test_more_steps_take_longer() -> None:
    assert_more(lambda: best_ns(40_000), lambda: best_ns(10_000), 2)


@pytest.mark.clock
def test_the_steps_of_a_millisecond_take_about_one() -> None:
    two_of_three(lambda: best_ns(round(steps_per_ms())) / 1e6, lambda ms: 0.5 < ms < 2, "a millisecond of steps")


def test_the_result_depends_on_all_steps() -> None:
    assert len({compute(steps) for steps in range(100)}) == 100
