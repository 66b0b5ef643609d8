"""The cache does what its policy says, holds no more than it may, and refuses a policy that cannot be followed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from perflab.measure.guards import BadInput
from perflab.systems.caches import bounded
from perflab.systems.caches.bounded import HIT, NOTHING, BoundedCache
from perflab.theory import eviction, traces
from perflab.theory.eviction import hits
from perflab.theory.eviction.adaptive import arc, s3_fifo, w_tiny_lfu
from perflab.theory.eviction.belady import belady
from perflab.theory.eviction.queues import clock, fifo, lfu, lru, random, sieve

POLICIES = [lru, fifo, clock, lfu, random, sieve, s3_fifo, w_tiny_lfu, arc, belady]


def test_it_speaks_as_the_policies_do() -> None:
    assert (bounded.HIT, bounded.NOTHING) == (eviction.HIT, eviction.NOTHING)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("capacity", [1, 10, 100])
def test_a_real_cache_hits_where_the_policy_does_and_never_overflows(policy: eviction.Policy, capacity: int) -> None:
    keys = traces.popular(2_000, 1, np.random.default_rng(1), keys=300).tolist()
    asked: list[int] = []
    cache = BoundedCache(capacity, policy(keys, capacity), lambda key: asked.append(key) or f"value of {key}")  # type: ignore[func-returns-value]
    for key in keys:
        assert cache.get(key) == f"value of {key}"
        assert len(cache) <= capacity
    expected = hits(policy, keys, capacity)
    assert cache.misses == len(asked) == len(keys) - sum(expected)
    assert asked == [key for key, is_hit in zip(keys, expected, strict=True) if not is_hit]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([NOTHING, HIT], "calls key 2 a hit, but the cache does not hold it"),
        ([NOTHING, 7], "evicts key 7, but the cache does not hold it"),
        ([NOTHING, NOTHING], "evicts nothing, but all 1 places are taken"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused_in_words(said: list[int], message: str) -> None:
    cache = BoundedCache(1, iter(said), str)
    cache.get(1)
    with pytest.raises(BadInput, match=message):
        cache.get(2)
    assert len(cache) == 1 and cache.misses == 1


def test_a_miss_of_what_is_there_is_refused_too() -> None:
    cache = BoundedCache(2, iter([NOTHING, NOTHING]), str)
    cache.get(1)
    with pytest.raises(BadInput, match="calls key 1 a miss"):
        cache.get(1)


def test_what_the_store_raises_reaches_the_reader_and_nothing_is_kept() -> None:
    def fails(key: int) -> str:
        raise OSError("the store is gone")

    def decide() -> Iterator[int]:
        yield NOTHING

    cache = BoundedCache(2, decide(), fails)
    with pytest.raises(OSError, match="gone"):
        cache.get(1)
    assert len(cache) == 0


def test_a_capacity_out_of_range_is_refused() -> None:
    with pytest.raises(BadInput, match="capacity must be a whole number from 1"):
        BoundedCache(0, iter(()), str)
