"""Clients that add 1 to counters: they read, think, and write, in ways that lose increments or do not.

Each client is a generator of waits in seconds: threads sleep so long, a virtual schedule adds it up. Between two waits a step is
done at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Protocol

REST_S = 0.001
"""Between two increments of a client. Rests and think times are random, from half to one and a half of their means."""
PAUSES_S = (0.001, 0.002, 0.005, 0.01)
"""After which a client asks again for a lock that is taken: as SQLite's own busy handler begins; the last one repeats."""

Steps = Iterator[float]


class Store(Protocol):
    """One client's connection to the counters, which goes one way about an increment."""

    def start(self, key: int) -> int | None:
        """Begin, and read a counter; None where a lock is taken."""

    def finish(self, key: int, value: int) -> bool:
        """Write it, and commit; false where that was refused, and all is undone: another client has written meanwhile."""

    def add(self, key: int) -> None:
        """Add 1 by one statement."""


@dataclass
class Tally:
    """What one client has done: increments that were acknowledged, and how many of them before the time was over; writes that
    were refused and tried again; how long it was between a read and the end of its write (s), and how long all of it took.
    """

    done: int = 0
    in_time: int = 0
    retries: int = 0
    between_s: float = 0.0
    whole_s: float = 0.0


@dataclass(frozen=True)
class Setting:
    """What clients do: in one statement or in more, on one of so many counters at random, and how long they think and rest
    (means)."""

    in_one: bool
    counters: int
    think_s: float
    rest_s: float = REST_S


def client(setting: Setting, store: Store, tally: Tally, seed: str, now: Callable[[], float], until: float) -> Steps:
    """One that adds again and again, and begins nothing more once it is `until`."""
    chance = random.Random(seed)
    ended = now()
    while True:
        yield setting.rest_s * (0.5 + chance.random())
        is_stored = yield from _added(setting, store, tally, chance, now, until)
        began, ended = ended, now()
        tally.whole_s += ended - began
        if not is_stored:
            return
        tally.done += 1
        tally.in_time += ended <= until


def _added(
    setting: Setting, store: Store, tally: Tally, chance: random.Random, now: Callable[[], float], until: float
) -> Generator[float, None, bool]:
    """Add 1 to one counter; false where the time was over before."""
    key, asked = chance.randrange(setting.counters), 0
    while now() < until:
        if setting.in_one:
            yield setting.think_s * (0.5 + chance.random())
            store.add(key)
            return True
        value = store.start(key)
        if value is None:
            yield PAUSES_S[min(asked, len(PAUSES_S) - 1)]
            asked += 1
            continue
        read = now()
        yield setting.think_s * (0.5 + chance.random())
        stored = store.finish(key, value + 1)
        tally.between_s += now() - read
        if stored:
            return True
        tally.retries += 1
    return False
