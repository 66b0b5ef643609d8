"""The cache with a time to live, on a virtual clock."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.measure.guards import BadInput
from perflab.systems.caches.cache import MISSING, TtlCache


class VirtualClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_an_entry_lives_for_its_time_and_no_longer() -> None:
    clock = VirtualClock()
    cache = TtlCache(5, clock)
    cache.put("a", 1)
    clock.now_s += 4.999
    assert cache.get("a") == 1
    clock.now_s += 0.001
    assert cache.get("a") is MISSING
    assert (cache.hits, cache.misses, len(cache)) == (1, 1, 0)


def test_to_look_whether_an_entry_is_there_counts_nothing() -> None:
    clock = VirtualClock()
    cache = TtlCache(5, clock)
    cache.put("a", 1)
    assert "a" in cache and "b" not in cache
    clock.now_s += 5
    assert "a" not in cache
    assert (cache.hits, cache.misses) == (0, 0)


def test_a_hit_does_not_renew_an_entry() -> None:
    clock = VirtualClock()
    cache = TtlCache(5, clock)
    cache.put("a", 1)
    for _ in range(4):
        clock.now_s += 1.2
        assert cache.get("a") == 1
    clock.now_s += 1.2
    assert cache.get("a") is MISSING


def test_none_can_be_cached() -> None:
    cache = TtlCache(5, VirtualClock())
    cache.put("a", None)
    assert cache.get("a") is None and cache.hits == 1


def test_a_shorter_time_holds_for_old_entries_too_and_zero_keeps_nothing() -> None:
    clock = VirtualClock()
    cache = TtlCache(5, clock)
    cache.put("a", 1)
    clock.now_s += 2
    cache.set_ttl(1)
    assert cache.get("a") is MISSING
    cache.set_ttl(0)
    cache.put("a", 1)
    assert cache.get("a") is MISSING


def test_the_entry_filled_longest_ago_makes_room() -> None:
    cache = TtlCache(5, VirtualClock(), most_entries=2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 3)
    cache.put("c", 4)
    assert cache.get("b") is MISSING
    assert (cache.get("a"), cache.get("c"), len(cache)) == (3, 4, 2)


def test_clearing_forgets_entries_and_counts() -> None:
    cache = TtlCache(5, VirtualClock())
    cache.put("a", 1)
    cache.get("a")
    cache.get("b")
    cache.clear()
    assert (cache.hits, cache.misses, len(cache)) == (0, 0, 0)


@pytest.mark.parametrize("ttl_s", [-1, float("nan"), float("inf"), 10_000, "long"])
def test_a_time_to_live_out_of_range_is_refused(ttl_s: float) -> None:
    with pytest.raises(BadInput, match="ttl_s"):
        TtlCache(ttl_s)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 4)), max_size=60))
def test_every_read_is_a_hit_or_a_miss_and_no_value_is_older_than_its_time(reads: list[tuple[int, float]]) -> None:
    clock = VirtualClock()
    cache = TtlCache(3, clock)
    for key, pause_s in reads:
        clock.now_s += pause_s
        filled_s = cache.get(key)
        if filled_s is MISSING:
            cache.put(key, clock.now_s)
        else:
            assert clock.now_s - filled_s < 3
    assert cache.hits + cache.misses == len(reads)


def test_threads_lose_no_counts() -> None:
    cache = TtlCache(60)

    def read() -> None:
        for number in range(2_000):
            if cache.get(number % 7) is MISSING:
                cache.put(number % 7, number)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.hits + cache.misses == 8_000
