"""Measuring in slices of a fifth of a second, so that a chart can be drawn in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from perflab.measure.clock import SYSTEM_CLOCK, Clock
from perflab.measure.guards import BadInput
from perflab.measure.timing import Latencies, time_calls
from perflab.measure.units import duration

SLICE_S = 0.2
WARM_AGAIN_S = 0.002
WARM_AGAIN_CALLS = 50
MAX_SAMPLE_S = 0.5
GROWTH = 20
MAX_SLICE = 20_000
MIN_SLICES = 12
"""So many slices a run has at least: runs that are measured in turns are compared slice by slice. Of the quickest calls two runs
have so many before a lab has kept all the samples that it may (`MAX_SAMPLES` of `perflab.lab.run`).
"""


def call_slices(
    operation: Callable[..., Any],
    repeats: int | None = None,
    batch: int = 1,
    *,
    slice_s: float = SLICE_S,
    gc_off: bool = True,
    clock: Clock = SYSTEM_CLOCK,
) -> Iterator[Latencies]:
    """Time `operation` again and again, one `Latencies` per slice, `repeats` samples in all (None: without end).

    The first slice is a single sample; each next one is sized by the pace of the one before to last about `slice_s`
    seconds, but is no more than a `MIN_SLICES`th of `repeats`. With `gc_off` Python's garbage collector works between slices
    only. Raises `BadInput` when one batch alone would take too long to be stopped.
    """
    left = repeats
    most = MAX_SLICE if repeats is None else -(-repeats // MIN_SLICES)
    calls = 1
    generation = 2  # everything once, and then only what has become garbage between two slices
    if batch > 1:
        _check_batch(batch, time_calls(operation, repeats=1, clock=clock).latencies_ns[0] / 1e9)
    while left is None or left > 0:
        calls = calls if left is None else min(calls, left)
        if generation == 0:
            _warm_again(operation, clock)
        latencies = time_calls(operation, repeats=calls, batch=batch, gc_off=gc_off, generation=generation, clock=clock)
        yield latencies
        generation = 0
        left = None if left is None else left - calls
        calls = min(most, _next_size(calls, float(latencies.latencies_ns.sum()) * batch / 1e9, slice_s))


def _warm_again(operation: Callable[..., Any], clock: Clock) -> None:
    # What the pause between two slices made cold is warmed; the first slice's warm-up is the operation's own and stays.
    until_ns = clock.now_ns() + int(WARM_AGAIN_S * 1e9)
    for _ in range(WARM_AGAIN_CALLS):
        if clock.now_ns() >= until_ns:
            return
        with suppress(Exception):  # what fails is counted where it is timed
            operation()


def _next_size(calls: int, took_s: float, slice_s: float) -> int:
    # Not much more than the slice before: one lucky slice must not make the next one endless.
    return max(1, min(round(calls * slice_s / max(took_s, 1e-6)), GROWTH * calls, MAX_SLICE))


def _check_batch(batch: int, call_s: float) -> None:
    if batch * call_s > MAX_SAMPLE_S:
        fitting = max(1, int(MAX_SAMPLE_S / call_s))
        raise BadInput(
            f"batch: {batch:,} calls of {duration(call_s * 1e9)} take {duration(batch * call_s * 1e9)}; "
            f"one batch may take {MAX_SAMPLE_S:g} s. Choose at most {fitting:,}, or a shorter operation."
        )
