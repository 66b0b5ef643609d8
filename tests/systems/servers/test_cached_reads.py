"""Reads through a cache and without it: exactly so many hit, and the servers that they need come and go with them."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import ExitStack
from typing import Any

import psutil
import pytest
from real_servers import require

from perflab.measure.guards import BadInput
from perflab.systems.caches.aside import InDict
from perflab.systems.databases.values import ROWS, text_of
from perflab.systems.process.child import ServerFailed
from perflab.systems.process.installed import Installable, NotInstalled
from perflab.systems.servers import cached_reads
from perflab.systems.servers.cached_reads import (
    CACHES,
    DICT,
    HOT,
    IN_POSTGRESQL,
    IN_REDIS,
    NONE,
    SLOW,
    SQLITE,
    STORES,
    CachedReads,
    all_opened,
    opened,
    reads_in_round,
)

HITS = (0, 50, 80, 90, 95, 97, 99, 100)


class Told:
    """A store that counts its reads."""

    def __init__(self) -> None:
        self.asked: Counter[int] = Counter()

    def read(self, key: int) -> str:
        self.asked[key] += 1
        return text_of(key)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("hits", HITS)
@pytest.mark.parametrize("store", STORES)
def test_exactly_so_many_reads_hit_in_each_round_and_afterwards_the_cache_is_as_before(store: str, hits: int) -> None:
    cache, told = InDict(), Told()
    reads = CachedReads((DICT, store), hits, 1, cache, told)
    for _ in range(300):
        told.asked.clear()
        reads._read = cached_reads.reader(cache, told.read)
        reads._store = text_of
        pair = reads.pair()
        assert 100 * pair.misses == (100 - hits) * pair.reads
        assert sum(told.asked.values()) == pair.misses == len(told.asked), "each of them once"
        assert all(HOT <= key < ROWS for key in told.asked)
        assert len(cache._entries) == HOT


def test_without_a_cache_the_same_reads_go_to_the_store() -> None:
    told = Told()
    pair = CachedReads((NONE, SLOW), 95, 1, None, told).pair()
    assert pair.reads == 20 and sum(told.asked.values()) == 20 + 2 + 10 + 1, "and a tenth to warm up"


def test_single_reads_are_as_many_as_in_a_round() -> None:
    cache = InDict()
    assert len(CachedReads((DICT, SQLITE), 95, 1, cache, Told()).single_ns()) == 100
    assert len(cache._entries) == HOT


def test_a_round_has_so_many_reads_that_the_share_is_exact_and_is_short_where_a_server_takes_part() -> None:
    assert [reads_in_round(DICT, SQLITE, hits) for hits in HITS] == [100] * len(HITS)
    assert [reads_in_round(IN_REDIS, SQLITE, hits) for hits in HITS] == [20, 20, 20, 20, 20, 100, 100, 100]
    assert [reads_in_round(DICT, IN_POSTGRESQL, hits) for hits in HITS] == [20, 20, 20, 20, 20, 100, 100, 100]
    assert [reads_in_round(DICT, SLOW, hits) for hits in HITS] == [10, 10, 10, 10, 20, 100, 100, 100]
    assert reads_in_round(NONE, SLOW, 100) == 10


def test_a_cache_that_does_not_keep_what_it_is_given_is_found_out() -> None:
    class Forgetful(InDict):
        def __init__(self) -> None:
            super().__init__()
            self.put = lambda key, value: None

    with pytest.raises(RuntimeError, match="0 reads have filled the cache, and it should have been 5"):
        CachedReads((DICT, SQLITE), 95, 1, Forgetful(), Told()).pair()


@pytest.mark.parametrize(
    ("names", "hits", "said"),
    [
        (("memcached", SQLITE), 95, "cache must be one of none, dict, Redis"),
        ((DICT, "tape"), 95, "store must be one of SQLite"),
        ((DICT, SQLITE), 101, "hits must be"),
        ((DICT, SQLITE), 0.5, "hits must be"),
    ],
)
def test_what_is_not_there_is_refused_in_words(names: tuple[str, str], hits: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said), opened(*names, hits, 1):
        raise AssertionError("it began")


def test_servers_that_are_not_here_are_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installable, "find", lambda _: None)
    assert cached_reads.here(CACHES) == (NONE, DICT) and cached_reads.here(STORES) == (SQLITE, SLOW)
    told = cached_reads.missing((*CACHES, *STORES))
    assert "Redis is not installed" in told and "PostgreSQL is not installed" in told
    with pytest.raises(NotInstalled), opened(IN_REDIS, SQLITE, 95, 1):
        raise AssertionError("it began")
    with ExitStack() as stack:
        found = all_opened([(IN_REDIS, SQLITE), (DICT, SQLITE), (DICT, IN_POSTGRESQL)], (0, 100), stack)
    assert [*found] == [(DICT, SQLITE, 0), (DICT, SQLITE, 100)]


def test_a_server_that_does_not_start_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ServerFailed("no")

    monkeypatch.setattr(Installable, "find", lambda _: "/somewhere")
    monkeypatch.setattr(Installable, "start", fails)
    monkeypatch.setitem(cached_reads.OPENED, IN_POSTGRESQL, fails)
    with ExitStack() as stack:
        assert [*all_opened([(IN_REDIS, SQLITE), (DICT, SLOW)], (0,), stack)] == [(DICT, SLOW, 0)]


@pytest.mark.process
@pytest.mark.parametrize("store", STORES)
def test_all_stores_hold_the_same_texts(store: str) -> None:
    if store == IN_POSTGRESQL:
        require(cached_reads.POSTGRESQL)
    with cached_reads.store_of(store) as there:
        assert [there.read(key) for key in (0, 77, ROWS - 1)] == [text_of(key) for key in (0, 77, ROWS - 1)]


@pytest.mark.process
def test_exactly_so_many_reads_hit_in_redis_and_nothing_is_left() -> None:
    require(cached_reads.REDIS)
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    with opened(IN_REDIS, SQLITE, 95, 1) as reads:
        found = [reads.pair() for _ in range(5)]
        cache = reads._cache
        assert cache is not None and cache.get(HOT - 1) == text_of(HOT - 1) and cache.get(HOT) is None
    assert {(each.reads, each.misses) for each in found} == {(20, 1)}
    assert {each.pid for each in psutil.Process().children(recursive=True)} <= before


@pytest.mark.process
def test_redis_that_is_killed_in_the_middle_is_told_in_a_sentence() -> None:
    require(cached_reads.REDIS)
    with pytest.raises(ServerFailed, match="The Redis server died"), opened(IN_REDIS, SQLITE, 95, 1) as reads:
        reads.pair()
        for each in psutil.Process().children(recursive=True):
            if "redis" in each.name():
                os.kill(each.pid, signal.SIGKILL)
        reads.pair()
