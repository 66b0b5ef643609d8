"""Strategies do what they are called for, hit as often as the formulas say, and lose nothing silently."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest

from perflab.systems.caches.strategies import (
    AHEAD,
    ASIDE,
    READ_THROUGH,
    REFRESH_AHEAD,
    STRATEGIES,
    WRITE_BEHIND,
    WRITE_THROUGH,
    CacheAside,
    FlushFailed,
    WriteBehind,
)
from perflab.theory.caching import hits_where_reads_refresh, hits_where_writes_delete, hits_where_writes_fill
from perflab.theory.ttl import zipf


class Counted:
    """A store in memory that counts, and fails when told."""

    def __init__(self) -> None:
        self.versions: dict[int, int] = {}
        self.reads = self.commits = 0
        self.fails = ""

    def read(self, key: int) -> int:
        self.reads += 1
        return self.versions.get(key, 0)

    def write(self, key: int, version: int) -> None:
        self.write_all({key: version})

    def write_all(self, versions: Mapping[int, int]) -> None:
        if self.fails:
            raise OSError(self.fails)
        self.commits += 1
        self.versions.update(versions)


def used(
    strategy: str, requests: int, writes: float, keys: int = 40, ttl: int = 60
) -> tuple[CacheAside, Counted, float]:
    """A cache after so many requests by Zipf's law, and its hit ratio; every read got the newest version."""
    store, chance = Counted(), random.Random(1)
    cached, newest = STRATEGIES[strategy](store, ttl), dict[int, int]()
    popularity = zipf(keys, 1.0)
    reads = 0
    for key in np.random.default_rng(1).choice(keys, requests, p=popularity).tolist():
        cached.now += 1
        if chance.random() < writes:
            newest[key] = newest.get(key, 0) + 1
            cached.write(key, newest[key])
        else:
            reads += 1
            assert cached.read(key) == newest.get(key, 0)
    return cached, store, 1 - cached.misses / reads


@pytest.mark.parametrize(
    ("strategy", "formula"),
    [
        (ASIDE, hits_where_writes_delete),
        (READ_THROUGH, hits_where_writes_delete),
        (WRITE_THROUGH, hits_where_writes_fill),
        (REFRESH_AHEAD, partial(hits_where_reads_refresh, ahead=AHEAD)),
    ],
)
@pytest.mark.parametrize("writes", [0.05, 0.3])
def test_each_strategy_hits_as_often_as_its_formula_says(
    strategy: str, formula: Callable[..., Any], writes: float
) -> None:
    popularity = zipf(40, 1.0)
    hits = formula((1 - writes) * popularity, writes * popularity, 60)
    _, _, measured = used(strategy, 60_000, writes)
    assert measured == pytest.approx(float(popularity @ hits), abs=0.01)


def test_a_write_behind_hits_no_less_than_a_write_through() -> None:
    assert used(WRITE_BEHIND, 20_000, 0.3)[2] >= used(WRITE_THROUGH, 20_000, 0.3)[2]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_in_the_end_the_store_has_what_was_acknowledged(strategy: str) -> None:
    cached, store, _ = used(strategy, 3_000, 0.5)
    cached.close()
    again, _, _ = used(ASIDE, 3_000, 0.5)
    assert store.versions == again.store.versions  # type: ignore[attr-defined]


def test_a_write_behind_commits_less_often_and_each_key_once() -> None:
    cached, store, _ = used(WRITE_BEHIND, 3_000, 0.5)
    assert isinstance(cached, WriteBehind)
    cached.flush()
    assert store.commits == cached.flushes < 500 and cached.rows < 1_400


def test_what_is_pending_is_read_from_the_buffer_when_the_entry_has_expired() -> None:
    store = Counted()
    cached = WriteBehind(store, ttl=10)
    cached.write(1, 7)
    cached.now = 100
    assert cached.read(1) == 7 and store.reads == 0


def test_a_full_buffer_holds_no_more_than_it_may_and_makes_writes_wait() -> None:
    store = Counted()
    cached = WriteBehind(store, ttl=10, buffer=3)
    for key in range(3):
        cached.write(key, 1)
    assert store.commits == 0
    cached.write(1, 2)
    assert store.commits == 1, "without its thread a full buffer is emptied at once"


def test_a_flush_that_fails_is_said_with_the_number_of_keys_and_nothing_more_is_acknowledged() -> None:
    store = Counted()
    cached = WriteBehind(store, ttl=10)
    cached.write(1, 1)
    cached.write(1, 2)
    cached.write(2, 1)
    store.fails = "database or disk is full"
    cached.flush()
    with pytest.raises(FlushFailed, match=r"database or disk is full.*2 keys are not stored"):
        cached.write(3, 1)
    with pytest.raises(FlushFailed):
        cached.close()


def test_the_thread_flushes_and_ends_with_the_cache() -> None:
    store = Counted()
    cached = WriteBehind(store, ttl=10, flush_s=60.0, buffer=2)
    cached.start()
    for key in range(20):
        cached.write(key, 1)
    cached.close()
    assert len(store.versions) == 20 and store.commits >= 2
    assert "flush" not in {thread.name for thread in threading.enumerate()}


def test_a_refresh_that_a_write_has_overtaken_is_dropped() -> None:
    store = Counted()
    cached = STRATEGIES[REFRESH_AHEAD](store, 10)
    store.versions[1] = 1
    cached.read(1)
    cached.now = 9
    real = store.read

    def read(key: int) -> int:
        found = real(key)
        cached.write(1, 2)
        return found

    store.read = read  # type: ignore[method-assign]
    assert cached.read(1) == 1, "the old one was still valid when it was read"
    assert 1 not in cached.entries
    cached.close()
