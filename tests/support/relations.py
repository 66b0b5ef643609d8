"""Relations between times on the real clock: measured in turns, up to three times, and true when two of three say so.

A machine that something else uses disturbs one pair, seldom two in a row; and a failure tells what disturbed it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from perflab.measure.noise import NoiseWatch

Seen = TypeVar("Seen")
TIMES, NEEDED = 3, 2


def two_of_three(look: Callable[[], Seen], holds: Callable[[Seen], bool], what: str) -> None:
    """Assert that `holds` is true of what `look()` finds in two of three tries; the third only where the first two differ."""
    watch, seen, held = NoiseWatch(), [], 0
    while held < NEEDED:
        seen.append(look())
        held += holds(seen[-1])
        if len(seen) - held > TIMES - NEEDED:
            raise AssertionError(f"{what}: held in {held} of {len(seen)} tries, which found {seen}; {watch.stop()}")


def assert_more(more: Callable[[], float], less: Callable[[], float], times: float, what: str = "more") -> None:
    """Assert that `more()` is over `times` times `less()`; the two are measured in turns, each first now and then."""
    turn = 0

    def pair() -> float:
        nonlocal turn
        turn += 1
        if turn % 2:
            found = more()
            return found / less()
        found = less()
        return more() / found

    two_of_three(pair, lambda ratio: ratio > times, f"{what}: over {times:g} times as much")


def late_wakeups_ms(sleeps: int = 200) -> float:
    """How late a sleeping process is woken here (ms, p99), whatever else runs on this machine."""
    late = []
    for _ in range(sleeps):
        due = time.perf_counter() + 0.002
        time.sleep(0.002)
        late.append(1e3 * (time.perf_counter() - due))
    return sorted(late)[int(0.99 * sleeps)]
