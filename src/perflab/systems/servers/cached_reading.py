"""Reads through every pair of a cache and a store, in a process of their own, with the servers that they need.

In the process that measures, a server that is woken would take the CPU from it, and a run would be called noisy for it. On Linux
client and servers stay on one CPU, as only one of them works at a time: otherwise a request takes up to three times as long
whenever the system happens to put them on two.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from perflab.measure.collector import gc_paused
from perflab.measure.guards import BadInput, check_number
from perflab.systems.caches.aside import Cache, InDict, InRedis
from perflab.systems.caches.resp import Resp
from perflab.systems.databases.values import FIND, LETTERS, ROWS, SlowTexts, SqliteTexts, file_of_texts
from perflab.systems.process.child import (
    DEATH_S,
    ChildServer,
    ServerFailed,
    announce,
    answer_requests,
    read_config,
)
from perflab.systems.process.installed import KeptServer
from perflab.systems.servers.cached_reads import (
    CACHES,
    DICT,
    IN_POSTGRESQL,
    IN_REDIS,
    SLOW,
    SQLITE,
    STORES,
    CachedReads,
    Store,
)
from perflab.systems.servers.cluster import UNSYNCED, cluster, connect
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.systems.servers.real.redis import REDIS

OPTIONS = {**UNSYNCED, "max_connections": "5", "autovacuum": "off"}
SERVERS = {IN_REDIS: REDIS, IN_POSTGRESQL: POSTGRESQL}
MAX_S = 1.0
Setting = tuple[str, str, int]
"""Cache, store, and how many percent of the reads hit."""


def here(names: Iterable[str]) -> tuple[str, ...]:
    """Those of these caches or stores that are measured here."""
    return tuple(name for name in names if name not in SERVERS or SERVERS[name].find())


def missing(names: Iterable[str]) -> str:
    """How those that are not measured here are installed; empty where all are."""
    return " ".join(SERVERS[name].why_missing() for name in names if not here([name]))


@dataclass(frozen=True)
class Found:
    """Mean times of a read (ns) in pairs of rounds, through the cache and without it; times of single reads through it; reads in
    the rounds through it, and how many of them missed.
    """

    through_ns: Sequence[float]
    without_ns: Sequence[float]
    single_ns: Sequence[int]
    reads: int
    misses: int


class CachedReading(ChildServer):
    """The process, and the servers that these settings need, for as long as its block lasts. Raises `NotInstalled`."""

    def __init__(self, settings: Sequence[Setting], seed: int) -> None:
        for cache, store, hits in settings:
            _check(cache, store, hits)
        names = {name for cache, store, _ in settings for name in (cache, store)}
        with ExitStack() as opened:
            self._servers: list[KeptServer] = []
            addresses = {SQLITE: str(file_of_texts())}
            if IN_REDIS in names:
                self._servers.append(opened.enter_context(REDIS.start()))
                addresses[IN_REDIS] = str(self._servers[-1].socket_path)
            if IN_POSTGRESQL in names:
                self._servers.append(opened.enter_context(cluster("texts", _fill, OPTIONS)))
                addresses[IN_POSTGRESQL] = str(self._servers[-1].folder)
            cpu = max(os.sched_getaffinity(0)) if sys.platform == "linux" else None
            for server in self._servers:
                _stay_on(cpu, server.main_pid)
            config = {"settings": settings, "seed": seed, "addresses": addresses, "cpu": cpu}
            super().__init__("perflab.systems.servers.cached_reading", config)
            self._opened = opened.pop_all()

    def read(self, seconds: float, at: int = 0) -> Found:
        """Rounds with the setting at this place for so long, at least one pair of them. Raises `ServerFailed`."""
        check_number("seconds", seconds, 0, MAX_S)
        answer = self.ask("read", seconds=seconds, at=at)
        if "failed" in answer:
            for server in self._servers:
                server.check(DEATH_S)
            raise ServerFailed(f"The reads failed: {answer['failed']}")
        return Found(**answer)

    def close(self) -> None:
        """End the process, and its servers."""
        super().close()
        if hasattr(self, "_opened"):
            self._opened.close()


def _check(cache: str, store: str, hits: int) -> None:
    for name, value, allowed in (("cache", cache, CACHES), ("store", store, STORES)):
        if value not in allowed:
            raise BadInput(f"{name} must be one of {', '.join(allowed)}; got {value!r}.")
    check_number("hits", hits, 0, 100, whole=True)


class PostgresqlTexts:
    """The table in the server with this folder."""

    def __init__(self, folder: str) -> None:
        self._connection, self._find = connect(folder), FIND.format("%s")

    def read(self, key: int) -> str:
        """As in `Store`; the statement is prepared once."""
        found: Any = self._connection.execute(self._find, (key,)).fetchone()
        return str(found[0])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _stay_on(cpu: int | None, pid: int = 0) -> None:
    if cpu is not None and sys.platform == "linux":
        try:
            os.sched_setaffinity(pid, {cpu})
        except OSError:  # not allowed here, or the process is gone, which is seen later
            pass


def _store_of(name: str, addresses: Mapping[str, str]) -> Store:
    if name == IN_POSTGRESQL:
        return PostgresqlTexts(addresses[name])
    return (SlowTexts if name == SLOW else SqliteTexts)(addresses[SQLITE])


@contextmanager
def _cache_of(name: str, addresses: Mapping[str, str]) -> Iterator[Cache | None]:
    if name != IN_REDIS:
        yield InDict() if name == DICT else None
        return
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(addresses[name])
        yield InRedis(Resp(connection))


def _found(reads: CachedReads, seconds: float) -> Found:
    ends = perf_counter() + seconds
    with gc_paused(generation=0):
        pairs = [reads.pair()]
        while perf_counter() < ends:
            pairs.append(reads.pair())
        single_ns = reads.single_ns()
    times = [each.through_ns for each in pairs], [each.without_ns for each in pairs]
    return Found(*times, single_ns, sum(each.reads for each in pairs), sum(each.misses for each in pairs))


def _main(settings: Sequence[Setting], seed: int, addresses: Mapping[str, str], cpu: int | None) -> None:
    _stay_on(cpu)
    with ExitStack() as opened:
        caches = {
            name: opened.enter_context(_cache_of(name, addresses)) for name in {cache for cache, _, _ in settings}
        }
        stores = {
            name: opened.enter_context(closing(_store_of(name, addresses))) for name in {each[1] for each in settings}
        }
        each = [
            CachedReads((cache, store), hits, seed, caches[cache], stores[store]) for cache, store, hits in settings
        ]
        for reads in each:
            reads.pair()  # left out: connections and files have yet to wake up

        def read(seconds: float, at: int) -> dict[str, Any]:
            try:
                return vars(_found(each[at], seconds))
            except (
                Exception
            ) as error:  # whatever a driver raises when its server is gone; the parent looks which one it is
                return {"failed": f"{type(error).__name__}: {error}"}

        announce(0)  # it listens on no port
        answer_requests({"read": read})


def _fill(connection: Any) -> None:
    connection.execute("create unlogged table texts (id integer primary key, value text)")
    value = f"'value ' || lpad(n::text, {LETTERS - len('value ')}, '0')"
    connection.execute(f"insert into texts select n, {value} from generate_series(0, {ROWS - 1}) as numbers(n)")
    connection.execute("vacuum (freeze, analyze) texts")


if __name__ == "__main__":
    _main(**read_config())
