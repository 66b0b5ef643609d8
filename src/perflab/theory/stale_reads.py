"""Stale reads of a cache that several writers keep in step with a store: from one change of the state to the next.

Pauses and accesses to the store are exponential, so the state alone says what may come next (a Markov process). A hit changes
nothing: hits, and the stale ones among them, are not drawn but expected, from how long each state lasts. The same in law as every
step of every client, with fewer steps and less noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from random import Random
from typing import NamedTuple

DELETE_FIRST, WRITE_FIRST, THROUGH = range(3)
"""What a write does: deletes the entry before, or after it; or writes the entry too. With a version check no read is stale."""


@dataclass(frozen=True)
class Clients:
    """Readers and writers, and their mean pauses; an access to the store takes them `store` on average. One unit of time."""

    readers: int
    writers: int
    read_pause: float
    write_pause: float
    store: float


class Counted(NamedTuple):
    """Reads and how many were stale; entries at the moments of rest, and how many were wrong."""

    reads: float
    stale: float
    entries: int
    wrong: int


def stale_reads(order: int, keys: int, clients: Clients, lasts: float, slices: int, seed: int) -> Counted:
    """So many slices of a run, which last so long until no client begins anything; then all comes to rest.

    The cache holds all keys at the start.
    """
    race, draw = _Race(order, keys), Random(seed).random
    per_reader, per_writer, per_access = 1 / clients.read_pause, 1 / clients.write_pause, 1 / clients.store
    cache, old, fills, writes, stored = race.cache, race.old, race.fills, race.writes, race.stored
    reads = stale = 0.0
    entries = wrong = 0
    for _ in range(slices):
        left = lasts
        while True:
            reading = (clients.readers - len(fills)) * per_reader / keys
            misses = reading * (keys - len(cache))
            begins = misses + (clients.writers - len(writes)) * per_writer
            total = begins + (len(fills) + len(writes)) * per_access
            wait = -log(1.0 - draw()) / total
            hits = reading * (wait if wait < left else left)
            reads += hits * len(cache)
            stale += hits * len(old)
            left -= wait
            if left <= 0:
                break
            chance = draw() * total
            if chance >= begins:
                reads += race.end(int((chance - begins) / per_access))
            elif chance >= misses:
                race.begin_write(int(draw() * keys))
            else:
                key = int(draw() * keys)
                while key in cache:
                    key = int(draw() * keys)
                fills.append((key, stored[key]))
        while fills or writes:
            reads += race.end(int(draw() * (len(fills) + len(writes))))
        entries += len(cache)
        wrong += sum(version != stored[key] for key, version in cache.items())
    return Counted(reads, stale, entries, wrong)


class _Race:
    """The cache, the versions of the store, and what is under way: fills and writes."""

    def __init__(self, order: int, keys: int) -> None:
        self.order, self.stored, self._acknowledged = order, [0] * keys, [0] * keys
        self.cache = dict.fromkeys(range(keys), 0)
        self.fills: list[tuple[int, int]] = []
        self.writes: list[tuple[int, int]] = []  # key, and the version that is to be written to the cache, if any
        self.old: set[int] = set()
        """Keys whose entry is older than the newest version that was acknowledged."""

    def begin_write(self, key: int) -> None:
        if self.order == DELETE_FIRST:
            self.cache.pop(key, None)
            self.old.discard(key)
        self.writes.append((key, 0))

    def end(self, place: int) -> int:
        """One of what is under way ends; how many reads that are."""
        if place < len(self.fills):
            key, version = self.fills[place]
            self.fills[place] = self.fills[-1]
            self.fills.pop()
            self._keep(key, version)
            return 1
        place = min(place - len(self.fills), len(self.writes) - 1)
        key, version = self.writes[place]
        self.writes[place] = self.writes[-1]
        self.writes.pop()
        if version:
            self._acknowledged[key] = max(self._acknowledged[key], version)
            self._keep(key, version)
            return 0
        self.stored[key] = version = self.stored[key] + 1
        if self.order == THROUGH:
            self.writes.append((key, version))
            return 0
        self._acknowledged[key] = version
        if self.order == WRITE_FIRST:
            self.cache.pop(key, None)
            self.old.discard(key)
        elif key in self.cache:
            self.old.add(key)
        return 0

    def _keep(self, key: int, version: int) -> None:
        self.cache[key] = version
        if version < self._acknowledged[key]:
            self.old.add(key)
        else:
            self.old.discard(key)
