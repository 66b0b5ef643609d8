"""Counters in memory that lock and refuse as SQLite and PostgreSQL do, and clients that add to them on a virtual schedule."""

from __future__ import annotations

import heapq
import sqlite3
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import asdict

from perflab.systems.databases.counters import BEGIN, FOR_UPDATE, IMMEDIATE, REPEATABLE, SERIALIZABLE
from perflab.systems.databases.increments import Setting, Steps, Tally, client

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


def locked() -> sqlite3.OperationalError:
    """What SQLite raises where another connection has written since this one has read."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode, error.sqlite_errorname = 517, "SQLITE_BUSY_SNAPSHOT"
    return error


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

    @property
    def refusal(self) -> Exception:
        """What was raised where `finish` was refused."""
        return locked()

    def _lock(self, key: int) -> int | None:
        return EVERYTHING if self._locks_all else key if self._locks_row else None

    def _newest(self, key: int) -> int:
        return self._commits[EVERYTHING if self._checks_all else key]


class Schedule:
    """Virtual time on which clients take their steps; it goes on from one `run` to the next."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now(self) -> float:
        """Seconds since its beginning."""
        return self._now_s

    def run(self, steps: Sequence[Steps], stores: Sequence[VirtualStore], locks: Locks) -> None:
        """Take all steps of these clients, each with a store, in the order of time."""
        due = [(self._now_s, number) for number in range(len(steps))]
        while due:
            self._now_s, number = heapq.heappop(due)
            wait_s, store = next(steps[number], None), stores[number]
            if store.waits_for is not None:
                locks.waiting[store.waits_for].append(number)
                store.waits_for = None
            elif wait_s is not None:
                heapq.heappush(due, (self._now_s + wait_s, number))
            while locks.freed:
                if queue := locks.waiting[locks.freed.pop()]:
                    heapq.heappush(due, (self._now_s, queue.popleft()))


def simulated(way: str, clients: int, setting: Setting, seed: int, slices: int, slice_s: float) -> Counter[str]:
    """The sums of all tallies of a run on a virtual schedule, where a step takes no time, and the `sum` of all counters."""
    values, commits, found, schedule = Counter[int](), Counter[int](), Counter[str](), Schedule()
    for turn in range(1, slices + 1):
        until, locks = schedule.now() + slice_s, Locks()
        stores = [VirtualStore(way, values, commits, locks) for _ in range(clients)]
        tallies = [Tally() for _ in stores]
        steps = [
            client(setting, store, tally, f"{seed} {turn} {number}", schedule.now, until)
            for number, (store, tally) in enumerate(zip(stores, tallies, strict=True))
        ]
        schedule.run(steps, stores, locks)
        for tally in tallies:
            found.update(asdict(tally))  # type: ignore[arg-type]
    found["sum"] = values.total()
    return found
