"""Counters in memory that lock and refuse as SQLite and PostgreSQL do, and clients that add to them on a virtual schedule."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from dataclasses import asdict

from perflab.systems.databases.counters import BEGIN, FOR_UPDATE, IMMEDIATE, REPEATABLE, SERIALIZABLE
from perflab.systems.databases.increments import Setting, Tally, client

LOCKS_ALL, LOCKS_ROW = {IMMEDIATE}, {FOR_UPDATE}
CHECKS_ALL, CHECKS_ROW = {BEGIN}, {REPEATABLE, SERIALIZABLE}
BY_ROW = LOCKS_ROW | CHECKS_ROW
"""Ways for which it matters which counter another client adds to."""
EVERYTHING = -1
"""Stands for all counters where one of them would be named."""


class Locks:
    """Who waits for which lock, in the order of asking, as PostgreSQL's clients do."""

    def __init__(self) -> None:
        self.taken: set[int] = set()
        self.waiting: dict[int, deque[int]] = defaultdict(deque)
        self.freed: list[int] = []


class VirtualStore:
    """A connection to counters in memory, whose steps take no time; `values`, `commits` of each and `locks` are shared."""

    def __init__(self, way: str, values: Counter[int], commits: Counter[int], locks: Locks) -> None:
        self._values, self._commits, self._locks = values, commits, locks
        self._locks_all, self._locks_row = way in LOCKS_ALL, way in LOCKS_ROW
        self._checks, self._checks_all = way in CHECKS_ALL | CHECKS_ROW, way in CHECKS_ALL
        self._seen = 0
        self.waits_for: int | None = None

    def start(self, key: int) -> int | None:
        lock = self._lock(key)
        if lock in self._locks.taken:
            self.waits_for = lock if self._locks_row else None  # else it asks again
            return None
        if lock is not None:
            self._locks.taken.add(lock)
        if self._checks:
            self._seen = self._newest(key)
        return self._values[key]

    def finish(self, key: int, value: int) -> bool:
        if self._checks and self._newest(key) != self._seen:
            return False
        self._values[key] = value
        self._commits[key] += 1
        self._commits[EVERYTHING] += 1
        if (lock := self._lock(key)) is not None:
            self._locks.taken.remove(lock)
            self._locks.freed.append(lock)
        return True

    def add(self, key: int) -> None:
        self._values[key] += 1

    def _lock(self, key: int) -> int | None:
        return EVERYTHING if self._locks_all else key if self._locks_row else None

    def _newest(self, key: int) -> int:
        return self._commits[EVERYTHING if self._checks_all else key]


def simulated(way: str, clients: int, setting: Setting, seed: int, slices: int, slice_s: float) -> Counter[str]:
    """The sums of all tallies of a run on a virtual schedule, where a step takes no time, and the `sum` of all counters."""
    values, commits, found, now = Counter[int](), Counter[int](), Counter[str](), 0.0
    for turn in range(1, slices + 1):
        until, locks = now + slice_s, Locks()
        stores = [VirtualStore(way, values, commits, locks) for _ in range(clients)]
        tallies = [Tally() for _ in stores]
        steps = [
            client(setting, store, tally, f"{seed} {turn} {number}", lambda: now, until)  # noqa: B023
            for number, (store, tally) in enumerate(zip(stores, tallies, strict=True))
        ]
        due = [(now, number) for number in range(clients)]
        while due:
            now, number = heapq.heappop(due)
            wait_s, store = next(steps[number], None), stores[number]
            if store.waits_for is not None:
                locks.waiting[store.waits_for].append(number)
                store.waits_for = None
            elif wait_s is not None:
                heapq.heappush(due, (now + wait_s, number))
            while locks.freed:
                if queue := locks.waiting[locks.freed.pop()]:
                    heapq.heappush(due, (now, queue.popleft()))
        for tally in tallies:
            found.update(asdict(tally))  # type: ignore[arg-type]
    found["sum"] = values.total()
    return found
