"""Relations between times on the real clock: measured in turns, up to three times, and true when two of three say so.

A machine that something else uses disturbs one pair, seldom two in a row. Where one is as busy as our own verdicts call noisy, it
is four of seven: the majority as before, of more. A failure tells what disturbed it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from perflab.measure.noise import NoiseWatch

Seen = TypeVar("Seen")
NEEDED, NEEDED_WHEN_BUSY = 2, 4
"""Tries that make a majority: of three, and of seven."""


def two_of_three(look: Callable[[], Seen], holds: Callable[[Seen], bool], what: str) -> None:
    """Assert that `holds` is true of what `look()` finds in two of three tries, on a busy machine in four of seven; no more are
    made than decide it.
    """
    watch, seen, held, needed = NoiseWatch(), [], 0, NEEDED
    while held < needed:
        seen.append(look())
        held += holds(seen[-1])
        if len(seen) - held == needed:
            ledger = watch.stop()
            if needed == NEEDED_WHEN_BUSY or not ledger.noisy:
                raise AssertionError(f"{what}: held in {held} of {len(seen)} tries, which found {seen}; {ledger}")
            needed = NEEDED_WHEN_BUSY


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
