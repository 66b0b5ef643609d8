"""Reads through a cache: drawn as they should be, from a warm start; and the simulation against Che's approximation."""

from __future__ import annotations

import numpy as np
import pytest
from cached_records import read_record

from perflab.chapters.caching_strategies import cached_load
from perflab.chapters.caching_strategies.cached_load import CONSTANT, EXPONENTIAL, KEYS
from perflab.theory import che
from perflab.theory.cached_store import last_read
from perflab.theory.ttl import zipf


def test_reads_are_those_of_their_seed_and_independent_of_each_other() -> None:
    one, again, other = (cached_load.reads(400, 5.0, 1.0, EXPONENTIAL, 5, seed) for seed in (3, 3, 4))
    assert np.array_equal(one.keys, again.keys) and np.array_equal(one.due_ns, again.due_ns)
    assert one.keys.size == one.due_ns.size == one.services_us.size == pytest.approx(2_000, rel=0.1)
    assert not np.array_equal(one.keys[:1_000], other.keys[:1_000])
    assert one.services_us.mean() == pytest.approx(5_000, rel=0.1) and one.services_us.min() >= 1
    assert set(cached_load.reads(400, 5.0, 1.0, CONSTANT, 5, 3).services_us.tolist()) == {5_000}
    gaps, keys, services = np.diff(one.due_ns), one.keys[1:], one.services_us[1:]
    assert np.abs(np.corrcoef([gaps, keys, services]) - np.eye(3)).max() < 0.1


def test_keys_are_drawn_by_zipf() -> None:
    keys = cached_load.reads(1_000, 60.0, 1.0, CONSTANT, 5, 1).keys
    expected = zipf(KEYS, 1.0)
    assert np.bincount(keys, minlength=KEYS)[:5] / keys.size == pytest.approx(expected[:5], rel=0.05)
    assert keys.max() < KEYS and cached_load.reads(400, 5.0, 1.0, CONSTANT, 5, 1, keys=50).keys.max() < 50


def test_a_warm_cache_holds_what_was_read_last_and_not_the_most_popular_keys() -> None:
    held = cached_load.held(200, 1.0, 1)
    assert len(held) == len(set(held)) == 200 and held == cached_load.held(500, 1.0, 1)[-200:]
    missing = set(range(200)) - set(held)
    assert 30 < len(missing) < 120, "keys of rank 200 and above have places that more popular keys would have"
    assert set(range(5)) <= set(held)


@pytest.mark.parametrize(("keys", "skew"), [(1_000, 1.0), (1_000, 0.0), (1_000, 2.5), (50, 0.6), (1, 1.0)])
def test_what_was_read_before_is_drawn_as_the_reads_of_a_run_are(keys: int, skew: float) -> None:
    drawn = cached_load._drawn(cached_load.WARMING, keys, skew, (7, 3))
    assert cached_load.read_before(keys, skew, 7) == tuple(last_read(drawn, keys).tolist())


@pytest.mark.long
@pytest.mark.parametrize(("capacity", "skew"), [(100, 1.0), (300, 1.0), (800, 1.0), (300, 0.6), (50, 1.4)])
def test_the_first_reads_of_a_run_hit_as_often_as_che_says(capacity: int, skew: float) -> None:
    expected = float(che.lru(zipf(KEYS, skew)).at(capacity))
    found = []
    for seed in range(20):
        reads = cached_load.reads(200, 2.0, skew, CONSTANT, 5, seed)
        run = cached_load.simulated(reads, cached_load.held(capacity, skew, seed), capacity)
        found.append(1 - run.from_store.mean())
    deviation = np.sqrt(expected * (1 - expected) / 400 / 20)
    assert np.mean(found) == pytest.approx(expected, abs=4 * deviation + 0.002)


def test_what_the_store_served_is_told_by_the_moments_of_a_request() -> None:
    run = read_record(capacity=300)
    store = cached_load.is_from_store(run)
    assert 0 < store.sum() < store.size
    assert (run.column("latency_ns")[store] > 1.9e7).all() and run.column("latency_ns")[~store].max() < 1e6
