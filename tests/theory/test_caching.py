"""Known answers on caches, and each formula against a simulation of what it is about."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perflab.theory.caching import (
    break_even,
    hits_where_reads_refresh,
    hits_where_writes_delete,
    hits_where_writes_fill,
    lost_writes,
    mean_read,
    mean_write_behind,
    overtaken,
    overtaken_at_random,
    rows_per_commit,
    writes_until,
)
from perflab.theory.ttl import hit_ratio, zipf

ZIPF = zipf(1_000, 1.0)
KNOWN = {10: 8.961253, 50: 35.872373, 200: 108.014634, 1_000: 333.746856, 5_000: 752.481625}


@pytest.mark.parametrize(("writes", "rows"), KNOWN.items())
def test_rows_per_commit_of_a_thousand_keys_by_zipf(writes: int, rows: float) -> None:
    assert float(rows_per_commit(ZIPF, writes)) == pytest.approx(rows, abs=1e-6)


def test_a_commit_of_equal_keys_is_the_collectors_problem() -> None:
    keys, writes = 6, np.array([0, 1, 2, 10])
    assert rows_per_commit(zipf(keys, 0), writes) == pytest.approx(keys * (1 - (1 - 1 / keys) ** writes))
    assert rows_per_commit([1.0], 5) == pytest.approx(1.0)


def test_counting_different_keys_of_drawn_writes_gives_the_formula() -> None:
    drawn = np.random.default_rng(1).choice(1_000, (400, 200), p=ZIPF)
    assert np.mean([np.unique(row).size for row in drawn]) == pytest.approx(KNOWN[200], rel=0.01)


@pytest.mark.parametrize("rows", [1.0, 35.872373, 333.746856, 999.0])
def test_writes_until_is_the_inverse(rows: float) -> None:
    assert float(rows_per_commit(ZIPF, writes_until(ZIPF, rows))) == pytest.approx(rows, rel=1e-6)


def test_more_keys_than_there_are_are_never_touched() -> None:
    assert writes_until(ZIPF, 1_000) == writes_until([1.0], 2) == math.inf


@pytest.mark.parametrize(
    "hits",
    [
        hits_where_writes_delete,
        hits_where_writes_fill,
        lambda reads, writes, ttl: hits_where_reads_refresh(reads, writes, ttl, 0.0),
    ],
)
def test_without_writes_all_strategies_are_a_cache_whose_entries_expire(hits: object) -> None:
    reads = np.array([1e-4, 1e-3, 0.1])
    assert hits(reads, np.zeros(3), 5_000) == pytest.approx(hit_ratio(reads, 5_000))  # type: ignore[operator]


def test_without_an_end_a_read_hits_where_the_last_request_of_the_key_was_a_read() -> None:
    popularity, share = zipf(50, 1.0), 0.2
    hits = hits_where_writes_delete((1 - share) * popularity, share * popularity, math.inf)
    assert hits == pytest.approx(0.8)
    assert hits_where_writes_fill((1 - share) * popularity, share * popularity, 1e9) == pytest.approx(1.0)


def test_a_refresh_keeps_popular_entries_for_ever_and_does_nothing_for_rare_ones() -> None:
    rare, often = 1e-5, 0.01
    kept = hits_where_reads_refresh([rare, often], [0.0, 0.0], 5_000, 0.2)
    plain = hit_ratio([rare, often], 5_000)
    assert kept[1] > 1 - 1e-5 > plain[1] and kept[0] == pytest.approx(plain[0], rel=0.05)


def test_the_mean_read_counts_misses_in_full() -> None:
    assert mean_read(0.9, 1.0, 100.0, 2.0) == pytest.approx(0.9 * 1 + 0.1 * 103)
    assert mean_read(1.0, 1.0, 100.0, 2.0) == 1.0


def test_a_buffer_costs_nothing_until_it_fills_faster_than_it_is_emptied() -> None:
    assert mean_write_behind(0.5, flush=10.0, writes=200.0, filling=12.0) == 0.5
    assert mean_write_behind(0.5, flush=10.0, writes=200.0, filling=2.0) == pytest.approx(0.5 + 8 / 200)
    assert mean_write_behind(0.5, flush=10.0, writes=math.inf, filling=math.inf) == 0.5


def test_kills_at_random_lose_what_the_formula_says() -> None:
    rate, flush, commit, kept = 2_000.0, 0.1, 0.004, 0.001
    low, high = lost_writes(rate, flush, commit, kept)
    assert [low, high] == pytest.approx([2.0, 210.0])
    killed = np.random.default_rng(1).uniform(50, 100, 20_000)
    began = np.floor(killed / (flush + commit)) * (flush + commit)  # the last flush
    safe = np.where(killed - began >= kept, began, began - (flush + commit))
    lost = rate * (killed - safe)
    assert lost.min() > low - 1e-6 and lost.max() < high + 1e-6
    assert lost.mean() == pytest.approx((low + high) / 2, rel=0.01)
    assert np.quantile(lost, 0.25) == pytest.approx(low + (high - low) / 4, rel=0.03), "equally likely"


def test_writes_that_overtake_fills() -> None:
    assert overtaken(50, 0.005) == pytest.approx(1 - math.exp(-0.25))
    chance = np.random.default_rng(1)
    fills, until_write = chance.exponential(0.005, 200_000), chance.exponential(1 / 50, 200_000)
    assert np.mean(until_write < fills) == pytest.approx(overtaken_at_random(50, 0.005), rel=0.02)
    assert np.mean([overtaken(50, each) for each in fills[:20_000]]) == pytest.approx(
        overtaken_at_random(50, 0.005), rel=0.02
    )


def test_at_the_break_even_a_read_through_the_cache_takes_as_long_as_the_store() -> None:
    for cache, store, fill in ((0.2, 5.0, 0.1), (15.0, 45.0, 45.0), (15.0, 2_100.0, 50.0)):
        hits = break_even(cache, store, fill)
        assert 0 < hits < 1 and mean_read(hits, cache, store, fill) == pytest.approx(store)
    assert break_even(15.0, 5.0, 15.0) == 1.5, "a hit alone takes longer than the store"
    assert break_even(5.0, 5.0, 1.0) == 1
