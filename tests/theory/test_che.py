"""Che's curves: against the equation solved at each size, known answers, and policies that really run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perflab.theory import che, traces
from perflab.theory.eviction import hits
from perflab.theory.eviction.queues import fifo, lfu, lru, random
from perflab.theory.ttl import zipf

IN_CACHE = {che.lru: lambda times: -np.expm1(-times), che.fifo: lambda times: times / (1 + times)}


def solved(popularity: Any, in_cache: Callable[[Any], Any], size: int) -> float:
    """The equation for T by bisection, with each key for itself."""
    low, high = 1e-3, 1e12
    while high / low > 1 + 1e-12:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if in_cache(popularity * middle).sum() < size else (low, middle)
    return float((popularity * in_cache(popularity * low)).sum())


@pytest.mark.parametrize("curve", IN_CACHE)
@pytest.mark.parametrize("keys", [1_000, 10_000])
@pytest.mark.parametrize("skew", [0, 0.5, 1, 1.5])
def test_a_curve_by_groups_is_as_good_as_the_equation_solved_at_each_size(
    curve: Callable[..., che.Curve], keys: int, skew: float
) -> None:
    popularity = zipf(keys, skew)
    sizes = [10, 30, 100, 300, keys // 2, keys * 9 // 10]
    expected = [solved(popularity, IN_CACHE[curve], size) for size in sizes]
    assert curve(popularity).at(sizes) == pytest.approx(expected, abs=4e-4)


def test_known_answers() -> None:
    assert che.lru(zipf(1_000, 1)).at(100) == pytest.approx(0.576525, abs=1e-4)
    assert che.fifo(zipf(1_000, 1)).at(100) == pytest.approx(0.520249, abs=1e-4)


def test_no_policy_hits_more_often_than_one_that_holds_the_most_popular_keys() -> None:
    optimal = zipf(1_000, 1)[:100].sum()
    assert optimal == pytest.approx(0.692993, abs=1e-6)
    trace = traces.popular(120_000, 1, np.random.default_rng(4), keys=1_000).tolist()
    found = np.mean(list(hits(lfu, trace, 100)[20_000:]))
    assert che.lru(zipf(1_000, 1)).at(100) + 0.05 < found < optimal, "LFU comes nearer to it than LRU"


def test_policies_that_run_hit_as_often() -> None:
    trace = traces.popular(120_000, 1, np.random.default_rng(4), keys=1_000).tolist()
    for policy, curve in ((lru, che.lru), (fifo, che.fifo), (random, che.fifo)):
        found = np.mean(list(hits(policy, trace, 100)[20_000:]))
        assert found == pytest.approx(float(curve(zipf(1_000, 1)).at(100)), abs=0.006), policy


def test_groups_hold_all_keys_and_all_requests() -> None:
    for keys in (1, 5, 79, 10_000):
        share, number = che.grouped(zipf(keys, 0.9))
        assert share.size <= che.GROUPS and number.sum() == keys and share @ number == pytest.approx(1)


def test_a_loop_under_random_and_under_the_optimum() -> None:
    found = [che.random_in_a_loop(*each) for each in ((1_000, 1_250), (1_000, 2_000), (100, 110))]
    assert found == pytest.approx([0.6290, 0.2032, 0.8309], abs=5e-5)
    assert che.random_in_a_loop(1_250, 1_250) == che.optimum_in_a_loop(1_250, 1_250) == 1
    assert che.optimum_in_a_loop(1_000, 1_250) == 999 / 1_249
    assert che.random_in_a_loop(1, 1_250) == che.optimum_in_a_loop(1, 1_250) == 0
