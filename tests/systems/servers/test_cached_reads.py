"""Reads through a cache and without it: exactly so many hit, and afterwards the cache is as it was."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from perflab.measure.guards import BadInput
from perflab.systems.caches.aside import InDict, reader
from perflab.systems.databases.values import ROWS, text_of
from perflab.systems.servers.cached_reads import (
    DICT,
    HOT,
    IN_POSTGRESQL,
    IN_REDIS,
    NONE,
    SLOW,
    SQLITE,
    STORES,
    CachedReads,
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
        reads._read = reader(cache, told.read)
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


@pytest.mark.parametrize("hits", [101, -1, 0.5])
def test_a_share_that_is_none_is_refused(hits: Any) -> None:
    with pytest.raises(BadInput, match="hits must be"):
        CachedReads((DICT, SQLITE), hits, 1, InDict(), Told())
