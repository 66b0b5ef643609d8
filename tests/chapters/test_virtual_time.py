"""A learner's function sees a virtual clock, whichever way it comes to its clock; no other thread does."""

from __future__ import annotations

import functools
import threading
import time
import timeit
from time import monotonic, perf_counter_ns, process_time_ns, sleep
from typing import Any

import pytest

from perflab.chapters.virtual_time import CPU, SET_BACK_EVERY_NS, STEADY, WALL, VirtualTime
from perflab.measure.clock import SYSTEM_CLOCK
from perflab.measure.timing import time_calls

ANOTHER_NAME = perf_counter_ns


def by_module() -> float:
    started = time.perf_counter()
    time.sleep(2)
    return time.perf_counter() - started


def by_name() -> float:
    started = perf_counter_ns()
    sleep(2)
    return (perf_counter_ns() - started) / 1e9


def by_another_name() -> float:
    started = ANOTHER_NAME()
    sleep(2)
    return (ANOTHER_NAME() - started) / 1e9


def by_import_inside() -> float:
    import time as clock
    from time import perf_counter

    started = perf_counter()
    clock.sleep(2)
    return perf_counter() - started


def by_timeit() -> float:
    return timeit.timeit(lambda: time.sleep(2), number=1)


def by_our_own_loop() -> float:
    return time_calls(sleep, [2.0]).latencies_ns[0] / 1e9


def by_default_timer() -> float:
    started = timeit.default_timer()
    sleep(2)
    return timeit.default_timer() - started


def by_number() -> float:
    started = time.clock_gettime(time.CLOCK_MONOTONIC)
    sleep(2)
    return time.clock_gettime(time.CLOCK_MONOTONIC) - started


def closed_over() -> Any:
    now = monotonic

    def inner() -> float:
        started = now()
        sleep(2)
        return now() - started

    return inner


def recursive() -> Any:
    def inner(deeper: bool = True) -> float:
        return inner(False) if deeper else by_name()

    return inner


class Callable:
    def __call__(self) -> float:
        return by_name()

    def method(self) -> float:
        return by_module()


STEADY_ONES = [
    by_module,
    by_name,
    by_another_name,
    by_import_inside,
    by_timeit,
    by_our_own_loop,
    by_default_timer,
    by_number,
]
STEADY_ONES += [closed_over(), recursive(), Callable(), Callable().method, functools.partial(by_name)]


@pytest.mark.parametrize("function", STEADY_ONES, ids=lambda function: getattr(function, "__name__", "object"))
def test_the_steady_clocks_tell_how_long_it_took(function: Any) -> None:
    virtual = VirtualTime()
    with virtual.seen_by(function):
        assert function() == pytest.approx(2)
    assert virtual.was_read(STEADY) and not virtual.was_read(WALL) and not virtual.was_read(CPU)


def test_afterwards_and_after_an_exception_everything_is_as_it_was() -> None:
    real = time.time, time.perf_counter_ns, time.sleep, timeit.default_timer, SYSTEM_CLOCK.now_ns
    with pytest.raises(ZeroDivisionError), VirtualTime().seen_by(by_another_name):
        1 / 0  # noqa: B018
    assert real == (time.time, time.perf_counter_ns, time.sleep, timeit.default_timer, SYSTEM_CLOCK.now_ns)
    assert ANOTHER_NAME is perf_counter_ns is time.perf_counter_ns
    assert timeit.timeit.__defaults__ is not None and timeit.default_timer in timeit.timeit.__defaults__


def test_other_threads_read_the_real_clocks() -> None:
    found: list[float] = []
    before = time.time()
    with VirtualTime().seen_by(by_name):
        thread = threading.Thread(target=lambda: found.append(time.time()))
        thread.start()
        thread.join()
        assert time.time() == 0
    assert found[0] >= before


def test_the_wall_clock_is_set_back_and_cpu_time_leaves_out_waits() -> None:
    virtual = VirtualTime()
    with virtual.seen_by(by_name):
        before = time.time()
        time.sleep(SET_BACK_EVERY_NS / 1e9)
        assert time.time() - before == pytest.approx(2, abs=0.02)
        started = process_time_ns()
        time.sleep(1)
        assert process_time_ns() - started == 5e8
    assert virtual.was_read(WALL) and virtual.was_read(CPU)


def test_each_reading_may_cost_time_so_that_busy_waits_end() -> None:
    with VirtualTime(reading_ns=1_000).seen_by(by_name):
        until = perf_counter_ns() + 50_000
        while perf_counter_ns() < until:
            pass
