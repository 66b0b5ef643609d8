"""Time one operation again and again: a tight loop, nothing else inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import SYSTEM_CLOCK, Clock, measure_clock
from perflab.measure.collector import gc_paused
from perflab.measure.frame import Frame
from perflab.measure.guards import check_number

READINGS_PER_OPERATION = 100
PROBE_CALLS = 20
MAX_BATCH = 100_000
MAX_REPEATS = 10_000_000


@dataclass(frozen=True)
class Latencies:
    """Durations of operations that succeeded, in the order they started, and how many failed.

    `latencies_ns`: float64, shape (n,); `started_ns`: int64, shape (n,), from the first start. With `batch` > 1 each sample
    is the mean of so many operations, which must never be shown as a percentile of single operations.
    """

    latencies_ns: NDArray[np.float64]
    started_ns: NDArray[np.int64]
    failures: int = 0
    batch: int = 1

    def frame(self) -> Frame:
        """As columns "latency_ns" and "started_ns", counts "calls" and "failures", fact "batch"."""
        return Frame(
            {"latency_ns": self.latencies_ns, "started_ns": self.started_ns},
            {"calls": self.latencies_ns.size * self.batch, "failures": self.failures},
            {"batch": self.batch},
        )


def time_calls(
    operation: Callable[..., Any],
    arguments: Sequence[Any] | None = None,
    *,
    repeats: int | None = None,
    batch: int | None = 1,
    gc_off: bool = True,
    generation: int = 2,
    clock: Clock = SYSTEM_CLOCK,
) -> Latencies:
    """Time `operation(argument)` for each of `arguments`, or `operation()` `repeats` times.

    `batch` operations share one pair of clock readings; `None` chooses: an operation shorter than 100 readings of the clock
    is timed in batches. `gc_off` and `generation` are those of `gc_paused`. Exceptions count as failures; when every call
    fails, the first exception is raised.
    """
    now_ns = clock.now_ns
    wanted = _how_many(arguments, repeats)
    size = batch_for(operation, arguments, clock) if batch is None else int(check_number("batch", batch, 1, MAX_BATCH))
    calls = repeat((), wanted) if arguments is None else ((argument,) for argument in islice(arguments, wanted))
    with gc_paused(gc_off, generation):
        if size > 1:
            return _time_batches(operation, list(calls), size, now_ns)
        if arguments is None:
            return _time_plain(operation, wanted, now_ns)
        return _time_each(operation, list(calls), now_ns)


def batch_for(
    operation: Callable[..., Any], arguments: Sequence[Any] | None = None, clock: Clock = SYSTEM_CLOCK
) -> int:
    """How many operations must share one pair of readings, so that the clock is at most 1% of what is timed."""
    now_ns = clock.now_ns
    given = () if arguments is None else (arguments[0],)
    fastest_ns = min(_one_ns(operation, given, now_ns) for _ in range(PROBE_CALLS))
    needed_ns = READINGS_PER_OPERATION * measure_clock(clock).reading_ns
    return int(min(MAX_BATCH, max(1, np.ceil(needed_ns / max(1, fastest_ns)))))


def _how_many(arguments: Sequence[Any] | None, repeats: int | None) -> int:
    if arguments is None:
        return int(check_number("repeats", repeats, 1, MAX_REPEATS, whole=True))
    if not len(arguments):
        raise ValueError("arguments is empty: there is nothing to time")
    return len(arguments) if repeats is None else min(len(arguments), repeats)


def _one_ns(operation: Callable[..., Any], given: tuple[Any, ...], now_ns: Callable[[], int]) -> int:
    started = now_ns()
    operation(*given)
    return now_ns() - started


def _time_plain(operation: Callable[[], Any], repeats: int, now_ns: Callable[[], int]) -> Latencies:
    # The heart of the whole collection. A generator, because numpy takes its numbers quicker than a list or an array does.
    failures: dict[int, Exception] = {}

    def readings() -> Iterator[int]:
        for index in range(repeats):
            started = now_ns()
            try:
                operation()
            except Exception as error:
                failures[index] = error
            ended = now_ns()
            yield started
            yield ended

    return _collected(readings(), failures, repeats)


def _time_each(operation: Callable[..., Any], calls: list[tuple[Any, ...]], now_ns: Callable[[], int]) -> Latencies:
    failures: dict[int, Exception] = {}

    def readings() -> Iterator[int]:
        for index, (argument,) in enumerate(calls):
            started = now_ns()
            try:
                operation(argument)
            except Exception as error:
                failures[index] = error
            ended = now_ns()
            yield started
            yield ended

    return _collected(readings(), failures, len(calls))


def _time_batches(
    operation: Callable[..., Any], calls: list[tuple[Any, ...]], size: int, now_ns: Callable[[], int]
) -> Latencies:
    failures: dict[int, Exception] = {}

    def readings() -> Iterator[int]:
        for index, given in enumerate(calls):
            started = now_ns()
            try:
                for _ in repeat(None, size):
                    operation(*given)
            except Exception as error:
                failures[index] = error
            ended = now_ns()
            yield started
            yield ended

    return _collected(readings(), failures, len(calls), size)


def _collected(readings: Iterator[int], failures: dict[int, Exception], calls: int, batch: int = 1) -> Latencies:
    """`readings` are start and end of each call in turns, those of failed ones too; `failures` are by their index."""
    pairs = np.fromiter(readings, np.int64, 2 * calls).reshape(calls, 2)
    if failures and len(failures) == calls:
        raise failures[0]
    started, ended = (np.delete(pairs, list(failures), axis=0) if failures else pairs).T
    return Latencies((ended - started) / batch, started - started[0], len(failures), batch)
