"""Reading memory at random: one read after the other, each told by the one before, or many at once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from itertools import repeat

import numpy as np

from perflab.measure.collector import gc_paused
from perflab.measure.guards import check_number, machine_limits

STOP_BYTES = 48
"""A stop's memory: two words for the collector, two for the object, one for where to go next."""


class Stop:
    """A stop on a ring: it knows the next one, which lies anywhere in memory."""

    __slots__ = ("next",)
    next: Stop


@contextmanager
def chase(working_set_bytes: int, steps: int) -> Iterator[Callable[[], object]]:
    """Yields a function that goes `steps` steps around a ring of objects which fills so many bytes, in random order.

    No read can begin before the one before has ended, as in a linked list. The loop runs in C (`reduce` over `getattr`); what
    the interpreter takes per step is seen in a ring that fits into the first-level cache.
    """
    stops = _ring(_checked(working_set_bytes) // STOP_BYTES)
    # Hidden from the collector, which would look through a million stops before the next measurement.
    gc.freeze()
    here = stops[0]

    def go() -> object:
        nonlocal here
        here = reduce(getattr, repeat("next", steps), here)  # type: ignore[arg-type]
        return here

    try:
        yield go
    finally:
        # A ring refers to itself: cut it here, or the garbage collector has to find it.
        for stop in stops:
            del stop.next
        stops.clear()
        gc.unfreeze()


@contextmanager
def gather(working_set_bytes: int, reads: int) -> Iterator[Callable[[], object]]:
    """Yields a function that reads `reads` random lines of an array of so many bytes, with many reads under way at once."""
    words = _checked(working_set_bytes) // 8
    array = np.arange(words, dtype=np.int64)
    lines = np.random.default_rng(1).integers(0, words // 8, (LISTS, reads)) * 8
    into = np.empty(reads, np.int64)
    turn = 0

    def read() -> object:
        nonlocal turn
        turn = (turn + 1) % LISTS
        return np.take(array, lines[turn], out=into, mode="clip")

    yield read


LISTS = 32
"""So many lists of addresses take turns, so that the second round does not find what the first has brought into the cache."""


def _checked(working_set_bytes: int) -> int:
    machine_limits().check(bytes=working_set_bytes)
    return int(check_number("working_set_bytes", working_set_bytes, 1_024, 1e9, whole=True))


def _ring(size: int) -> list[Stop]:
    # The collector would look through all the stops again and again while they are made.
    with gc_paused(generation=0):
        stops = [Stop() for _ in range(size)]
        order = np.random.default_rng(1).permutation(size).tolist()
        for place, following in zip(order, order[1:] + order[:1], strict=True):
            stops[place].next = stops[following]
    return stops
