"""Readers and writers that use one cache and one store, step by step, so that their steps can be interleaved.

Each is a generator of waits in seconds: threads sleep so long, a virtual schedule adds it up. Between two waits a step is done at
once. A fill reads its row at its beginning, as a query sees the rows of the moment in which it starts; then it takes a while. A
write takes a while until it is committed.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

DELETE_FIRST, WRITE_FIRST, CHECKED, THROUGH = (
    "delete, then write",
    "write, then delete",
    "version check",
    "write-through",
)
ORDERS = (DELETE_FIRST, WRITE_FIRST, CHECKED, THROUGH)
READERS, READ_PAUSE_S, WRITE_PAUSE_S = 4, 0.002, 0.01
"""Pauses are random (exponential), of that mean."""

Steps = Iterator[float]
Versions = dict[int, int]
Rule = Callable[[Versions, Versions, int, int], object]
"""Keeps a version of a key in the cache, or deletes it: gets the cache, its own notes on deletions, key and version."""


def fill_if_newer(cache: Versions, deleted: Versions, key: int, version: int) -> None:
    """At the end of a fill: keep what it brings, unless a newer version has been deleted meanwhile."""
    if version >= deleted.get(key, 0):
        cache[key] = version


def delete_and_note(cache: Versions, deleted: Versions, key: int, version: int) -> None:
    """After a commit: delete the entry, and note for which version."""
    deleted[key] = max(version, deleted.get(key, 0))
    cache.pop(key, None)


class Store(Protocol):
    """What is behind the cache: versions of keys."""

    def read(self, key: int) -> int: ...
    def raise_version(self, key: int) -> int: ...


@dataclass
class Tally:
    """What one client has done: reads and how many of them were stale; fills, and how many of them a write of the same key had
    overtaken; writes. A read is stale where it returns an older version than the newest that was acknowledged when it began.
    """

    reads: int = 0
    stale: int = 0
    fills: int = 0
    overtaken: int = 0
    writes: int = 0


class Race:
    """A cache that readers fill, and that writers keep in step with the store in one of the `ORDERS`.

    An access to the store takes `store_s` on average (exponential). Clients end at a pause, once `is_over()`. `fill` and `delete`
    are the rules of the version check; no two of them go on at the same time.
    """

    def __init__(
        self,
        order: str,
        keys: int,
        store_s: float,
        store: Store,
        seed: int,
        fill: Rule = fill_if_newer,
        delete: Rule = delete_and_note,
    ) -> None:
        self.order, self.keys, self.store = order, keys, store
        self._store_s, self._seed, self._rules = store_s, seed, (fill, delete)
        self.cache: Versions = {}
        self._deleted: Versions = {}
        self._acknowledged = [0] * keys
        self._one_step = threading.Lock()

    def warm(self) -> None:
        """Hold all keys, as the store has them: a cold cache would be filled while writers are on their way."""
        self.cache.update((key, self.store.read(key)) for key in range(self.keys))

    def clients(self, writers: int, turn: int, is_over: Callable[[], bool]) -> list[tuple[Steps, Tally]]:
        """All readers and so many writers, with their tallies; others in each `turn`."""
        made: list[tuple[Steps, Tally]] = []
        for number in range(READERS + writers):
            tally, chance = Tally(), random.Random(f"{self._seed} {turn} {number}")
            client = self._reader if number < READERS else self._writer
            made.append((client(tally, chance, is_over), tally))
        return made

    def wrong(self) -> tuple[int, int]:
        """How many entries of the cache are not what the store has, and how many there are: once all is at rest."""
        return sum(version != self.store.read(key) for key, version in self.cache.items()), len(self.cache)

    def _reader(self, tally: Tally, chance: random.Random, is_over: Callable[[], bool]) -> Steps:
        while True:
            yield chance.expovariate(1 / READ_PAUSE_S)
            if is_over():
                return
            key = chance.randrange(self.keys)
            newest, version = self._acknowledged[key], self.cache.get(key)
            if version is None:
                version = self.store.read(key)
                yield self._takes(chance)
                if self.order == CHECKED:
                    self._in_one_step(0, key, version)
                else:
                    self.cache[key] = version
                tally.fills += 1
                tally.overtaken += version < self._acknowledged[key]
            tally.reads += 1
            tally.stale += version < newest

    def _writer(self, tally: Tally, chance: random.Random, is_over: Callable[[], bool]) -> Steps:
        while True:
            yield chance.expovariate(1 / WRITE_PAUSE_S)
            if is_over():
                return
            key = chance.randrange(self.keys)
            if self.order == DELETE_FIRST:
                self.cache.pop(key, None)
            yield self._takes(chance)
            version = self.store.raise_version(key)
            if self.order == THROUGH:
                yield self._takes(chance)
                self.cache[key] = version
            elif self.order == CHECKED:
                self._in_one_step(1, key, version)
            elif self.order == WRITE_FIRST:
                self.cache.pop(key, None)
            self._acknowledged[key] = max(self._acknowledged[key], version)
            tally.writes += 1

    def _in_one_step(self, rule: int, key: int, version: int) -> None:
        with self._one_step:
            self._rules[rule](self.cache, self._deleted, key, version)

    def _takes(self, chance: random.Random) -> float:
        return chance.expovariate(1 / self._store_s)
