"""Measuring in slices of a tenth of a second, so that a chart can be drawn in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from perflab.measure.clock import Clock, SystemClock
from perflab.measure.samples import Latencies
from perflab.measure.timing import time_calls

SLICE_S = 0.1
FIRST_CALLS = 20
LARGEST_SLICE = 50_000


def call_slices(
    operation: Callable[..., Any],
    repeats: int | None = None,
    batch: int = 1,
    *,
    slice_s: float = SLICE_S,
    clock: Clock | None = None,
) -> Iterator[Latencies]:
    """Time `operation` again and again, one `Latencies` per slice, `repeats` samples in all (None: without end).

    The first slice is small; each next one is sized by the pace of the one before to last about `slice_s` seconds.
    """
    clock = clock or SystemClock()
    left = repeats
    calls = FIRST_CALLS
    while left is None or left > 0:
        calls = calls if left is None else min(calls, left)
        started_ns = clock.now_ns()
        latencies = time_calls(operation, repeats=calls, batch=batch, clock=clock)
        took_s = (clock.now_ns() - started_ns) / 1e9  # before the yield: what follows is somebody else's time
        yield latencies
        left = None if left is None else left - calls
        calls = _next_size(calls, took_s, slice_s)


def _next_size(calls: int, took_s: float, slice_s: float) -> int:
    # Not more than ten times the slice before: one lucky slice must not make the next one endless.
    return max(1, min(round(calls * slice_s / max(took_s, 1e-6)), 10 * calls, LARGEST_SLICE))
