"""Reads of one row at a time, through a cache and without it, in turns, over the same keys: every pair of a cache and a store.

Redis and PostgreSQL are servers of their own, started for the block.
"""

from __future__ import annotations

import math
import random
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Protocol

from perflab.measure.guards import BadInput, check_number
from perflab.systems.caches.aside import Cache, InDict, InRedis, reader
from perflab.systems.caches.resp import Resp
from perflab.systems.databases.values import FIND, LETTERS, ROWS, SlowTexts, SqliteTexts, text_of
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.cluster import UNSYNCED, cluster, connect
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
OPTIONS = {**UNSYNCED, "max_connections": "5", "autovacuum": "off"}

Read = Callable[[int], str]
SERVERS = {IN_REDIS: REDIS, IN_POSTGRESQL: POSTGRESQL}


def here(names: Iterable[str]) -> tuple[str, ...]:
    """Those of these caches or stores that are measured here."""
    return tuple(name for name in names if name not in SERVERS or SERVERS[name].find())


def missing(names: Iterable[str]) -> str:
    """How those that are not measured here are installed; empty where all are."""
    return " ".join(SERVERS[name].why_missing() for name in names if not here([name]))


class Store(Protocol):
    """A table of texts by number."""

    def read(self, key: int) -> str:
        """One value."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class PostgresqlTexts:
    """The table in a server of its own. Raises `NotInstalled`."""

    def __init__(self) -> None:
        with ExitStack() as opened:
            server = opened.enter_context(cluster("texts", _fill, OPTIONS))
            self._connection = opened.enter_context(connect(server.folder))
            self._opened = opened.pop_all()
        self._find = FIND.format("%s")

    def read(self, key: int) -> str:
        """As in `Store`; the statement is prepared once."""
        found: Any = self._connection.execute(self._find, (key,)).fetchone()
        return str(found[0])

    def close(self) -> None:
        """Stop the server."""
        self._opened.close()


OPENED: dict[str, Callable[[], Store]] = {SQLITE: SqliteTexts, IN_POSTGRESQL: PostgresqlTexts, SLOW: SlowTexts}


@contextmanager
def store_of(name: str) -> Iterator[Store]:
    """A store by its name."""
    if name not in STORES:
        raise BadInput(f"store must be one of {', '.join(STORES)}; got {name!r}.")
    with closing(OPENED[name]()) as store:
        yield store


@contextmanager
def cache_of(name: str) -> Iterator[Cache | None]:
    """A cache by its name, empty. Raises `NotInstalled`."""
    if name not in CACHES:
        raise BadInput(f"cache must be one of {', '.join(CACHES)}; got {name!r}.")
    if name != IN_REDIS:
        yield InDict() if name == DICT else None
        return
    with REDIS.start() as server, socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.socket_path))
        yield InRedis(Resp(connection))


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


@contextmanager
def opened(cache: str, store: str, hits: int, seed: int) -> Iterator[CachedReads]:
    """Rounds of reads through this cache, of which so many percent hit, in front of this store. Raises `NotInstalled`."""
    with store_of(store) as read_from, cache_of(cache) as held:
        yield CachedReads((cache, store), hits, seed, held, read_from)


def all_opened(
    pairs: Sequence[tuple[str, str]], hits: Sequence[int], stack: ExitStack
) -> dict[tuple[str, str, int], CachedReads]:
    """As `opened`, for all of these pairs that can be had here, each with all of these hits; `stack` closes them."""
    held = dict(_started(CACHES[1:], cache_of, stack))
    read = dict(_started(STORES, store_of, stack))
    return {
        (cache, store, each): CachedReads((cache, store), each, 1, held[cache], read[store])
        for cache, store in pairs
        for each in hits
        if cache in held and store in read
    }


def _started(
    names: Iterable[str], of: Callable[[str], AbstractContextManager[Any]], stack: ExitStack
) -> Iterator[tuple[str, Any]]:
    for name in here(names):
        try:
            yield name, stack.enter_context(of(name))
        except ServerFailed:
            pass  # it does not start: who asks for it alone is told why


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


def _fill(connection: Any) -> None:
    connection.execute("create unlogged table texts (id integer primary key, value text)")
    value = f"'value ' || lpad(n::text, {LETTERS - len('value ')}, '0')"
    connection.execute(f"insert into texts select n, {value} from generate_series(0, {ROWS - 1}) as numbers(n)")
    connection.execute("vacuum (freeze, analyze) texts")
