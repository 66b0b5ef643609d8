"""Hit ratios of a cache with a time to live, against a read-by-read simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory import ttl


def simulate(rate: float, popularity: np.ndarray, ttl_s: float, window_s: float, seed: int) -> float:
    generator = np.random.default_rng(seed)
    reads = generator.poisson(rate * window_s)
    moments = np.sort(generator.uniform(0, window_s, reads))
    keys = generator.choice(popularity.size, reads, p=popularity)
    filled = np.full(popularity.size, -np.inf)
    hits = 0
    for moment, key in zip(moments.tolist(), keys.tolist(), strict=True):
        if moment - filled[key] < ttl_s:
            hits += 1
        else:
            filled[key] = moment
    return hits / reads


@pytest.mark.parametrize(("rate", "ttl_s"), [(1.0, 0.3), (1.0, 1.0), (2.0, 5.0)])
def test_one_key_hits_as_often_as_in_the_simulation(rate: float, ttl_s: float) -> None:
    simulated = simulate(rate, np.ones(1), ttl_s, 40_000 / rate, seed=3)
    assert ttl.hit_ratio(rate, ttl_s) == pytest.approx(simulated, abs=0.01)


@pytest.mark.parametrize("skew", [0.0, 0.8, 1.2])
def test_many_keys_hit_as_often_as_in_the_simulation(skew: float) -> None:
    popularity = ttl.zipf(200, skew)
    simulated = simulate(100, popularity, 2.0, 600.0, seed=5)
    assert ttl.mean_hit_ratio(100, popularity, 2.0) == pytest.approx(simulated, abs=0.01)


@pytest.mark.parametrize(("rate", "ttl_s", "window_s"), [(200, 0.5, 2.0), (100, 5.0, 2.0), (300, 0.07, 2.0)])
def test_an_empty_start_costs_what_the_simulation_says(rate: float, ttl_s: float, window_s: float) -> None:
    popularity = ttl.zipf(100, 0.9)
    simulated = np.mean([simulate(rate, popularity, ttl_s, window_s, seed) for seed in range(60)])
    assert ttl.hit_ratio_of_window(rate, popularity, ttl_s, window_s) == pytest.approx(simulated, abs=0.01)


def test_a_long_window_comes_to_the_steady_ratio() -> None:
    popularity = ttl.zipf(50, 1.0)
    steady = ttl.mean_hit_ratio(200, popularity, 0.5)
    assert ttl.hit_ratio_of_window(200, popularity, 0.5, 29.0) == pytest.approx(steady, abs=0.01)
    assert ttl.hit_ratio_of_window(200, popularity, 0.5, 3_000.0) == steady
    assert ttl.hit_ratio_of_window(200, popularity, 0.0, 1.0) == 0


def test_known_points() -> None:
    assert ttl.hit_ratio([0.0, 1.0, 9.0], 1.0) == pytest.approx([0.0, 0.5, 0.9])
    assert ttl.zipf(3, 1.0) == pytest.approx(np.array([6, 3, 2]) / 11)


@given(st.integers(1, 500), st.floats(0, 3), st.floats(0.1, 1_000), st.floats(0, 100))
def test_more_skew_never_loses_and_ratios_stay_within_bounds(keys: int, skew: float, rate: float, ttl_s: float) -> None:
    popularity = ttl.zipf(keys, skew)
    assert popularity.sum() == pytest.approx(1)
    ratio = ttl.mean_hit_ratio(rate, popularity, ttl_s)
    assert 0 <= ratio < 1
    # h is concave in λ but λ·h is convex: uneven popularity can only help.
    assert ratio >= ttl.mean_hit_ratio(rate, ttl.zipf(keys, 0), ttl_s) - 1e-9


@pytest.mark.parametrize(("keys", "skew"), [(0, 1.0), (5, -1.0)])
def test_impossible_popularities_are_refused(keys: int, skew: float) -> None:
    with pytest.raises(ValueError, match="key"):
        ttl.zipf(keys, skew)


def test_negative_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        ttl.hit_ratio(-1.0, 1.0)


def test_what_never_expires_is_hit_once_it_has_been_read() -> None:
    assert ttl.hit_ratio([1.0, 0.0], np.inf).tolist() == [1.0, 0.0]
    assert ttl.hit_ratio(1.0, 1e308) == 1.0
    assert ttl.hit_ratio(3.0, 0.0) == 0.0


@pytest.mark.parametrize(
    ("rate", "ttl_s"), [(-1.0, 1.0), (1.0, -1.0), (np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (-1.0, np.inf), (-1, -1)]
)
def test_rates_and_lives_that_cannot_be_are_refused(rate: float, ttl_s: float) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        ttl.hit_ratio([1.0, rate], ttl_s)


def test_load_and_age_of_one_key_are_known() -> None:
    one = np.ones(1)
    assert ttl.store_load(9.0, one, 1.0) == pytest.approx(0.9)
    assert ttl.mean_age(9.0, one, 1.0) == pytest.approx(0.45), "half of the TTL at a hit, 0 at a miss"
    assert ttl.mean_age(9.0, one, 1.0, jitter=0.5) == pytest.approx(0.45 * 13 / 12)
    assert ttl.mean_age(0.0, one, 1.0) == ttl.mean_age(9.0, one, 0.0) == 0


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_load_and_age_are_what_reads_one_by_one_find(jitter: float) -> None:
    random, popularity, rate, ttl_s = np.random.default_rng(1), ttl.zipf(20, 0.8), 100.0, 0.4
    now, ages, misses = 0.0, [], 0
    expires, filled = [0.0] * 20, [0.0] * 20
    for key in random.choice(20, 40_000, p=popularity).tolist():
        now += random.exponential(1 / rate)
        if now >= expires[key]:
            filled[key], expires[key] = now, now + ttl_s * random.uniform(1 - jitter, 1 + jitter)
            misses += 1
        ages.append(now - filled[key])
    assert misses / now == pytest.approx(ttl.store_load(rate, popularity, ttl_s), rel=0.03)
    assert np.mean(ages) == pytest.approx(ttl.mean_age(rate, popularity, ttl_s, jitter), rel=0.03)
