"""Reads of one row at a time, through a cache and without it, in turns, over the same keys."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Protocol

from perflab.measure.guards import check_number
from perflab.systems.caches.aside import Cache, reader
from perflab.systems.databases.values import ROWS, text_of
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.systems.servers.real.redis import REDIS

NONE, DICT, IN_REDIS = "none", "dict", REDIS.name
CACHES = (NONE, DICT, IN_REDIS)
SQLITE, IN_POSTGRESQL, SLOW = "SQLite", POSTGRESQL.name, "slow store"
STORES = (SQLITE, IN_POSTGRESQL, SLOW)
HOT = 1_000
"""Keys from 0 on that the cache always holds; it holds no other when a round begins."""
ROUND, AT_SERVERS, OF_SLOW = 100, 20, 10
"""The fewest reads in a round: in this process, where a server takes part, and where the slow store does. A short round is
seldom interrupted, a long one hardly notices the clock.
"""
Read = Callable[[int], str]


class Store(Protocol):
    """A table of texts by number."""

    def read(self, key: int) -> str:
        """One value."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


@dataclass(frozen=True)
class Pair:
    """Mean times of a read (ns) in two rounds, through the cache and without it; reads through it, and how many missed."""

    through_ns: float
    without_ns: float
    reads: int
    misses: int


class CachedReads:
    """Rounds of reads through a cache, of which exactly so many in a hundred hit, in turns with reads of the store alone."""

    def __init__(self, names: tuple[str, str], hits: int, seed: int, cache: Cache | None, store: Store) -> None:
        check_number("hits", hits, 0, 100, whole=True)
        self._random, self._cache, self._store = random.Random(seed), cache, store.read
        self._read = store.read if cache is None else reader(cache, store.read)
        self._reads = reads_in_round(*names, hits)
        self._misses = self._reads - self._reads * hits // 100
        self._alone = OF_SLOW if names[1] == SLOW else self._reads
        self._cold: list[int] = []
        if cache is not None:
            fill_hot(cache)

    def pair(self) -> Pair:
        """One round of each; which goes first is random. Those without the cache read the same keys, or the first of them."""
        keys, cold = self._drawn()
        rounds = [(self._read, keys), (self._store, keys[: self._alone])]
        is_first = self._random.random() < 0.5
        times = [round_ns(*each) for each in (rounds if is_first else reversed(rounds))]
        through_ns, without_ns = times if is_first else reversed(times)
        return Pair(through_ns, without_ns, len(keys), self._forget(cold))

    def single_ns(self) -> list[int]:
        """Times of single reads through the cache, of a round of their own; each has the clock's cost in it."""
        keys, cold = self._drawn()
        times = []
        for key in keys:
            began_ns = perf_counter_ns()
            self._read(key)
            times.append(perf_counter_ns() - began_ns)
        self._forget(cold)
        return times

    def _drawn(self) -> tuple[list[int], list[int]]:
        """Keys of a round in random order, and those of them that the cache does not hold, each once."""
        if len(self._cold) < self._misses:
            self._cold = self._random.sample(range(HOT, ROWS), ROWS - HOT)
        cold = [self._cold.pop() for _ in range(self._misses)]
        keys = cold + [self._random.randrange(HOT) for _ in range(self._reads - self._misses)]
        self._random.shuffle(keys)
        return keys, cold

    def _forget(self, cold: Sequence[int]) -> int:
        """Remove what a round has filled; returns how many reads missed."""
        if self._cache is None:
            return len(cold)
        missed = self._cache.forget(cold)
        if missed != len(cold):
            raise RuntimeError(f"{missed} reads have filled the cache, and it should have been {len(cold)}.")
        return missed


def reads_in_round(cache: str, store: str, hits: int) -> int:
    """How many reads a round has: a number of which so many percent are a whole one."""
    unit = 100 // math.gcd(100, hits)
    fewest = OF_SLOW if store == SLOW else AT_SERVERS if {cache, store} & {IN_REDIS, IN_POSTGRESQL} else ROUND
    return ROUND if cache != NONE and hits == 100 else unit * math.ceil(fewest / unit)


def round_ns(read: Read, keys: Sequence[int]) -> float:
    """Mean time of these reads. The first tenth of as many is left out: it finds in the CPU's caches what was read before."""
    for key in range(len(keys) // 10):
        read(key)
    began_ns = perf_counter_ns()
    for key in keys:
        read(key)
    return (perf_counter_ns() - began_ns) / len(keys)


def fill_hot(cache: Cache) -> None:
    """Put the keys that always hit into a cache."""
    for key in range(HOT):
        cache.put(key, text_of(key))
