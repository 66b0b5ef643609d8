"""Intervals for samples that hang together."""

from __future__ import annotations

import numpy as np
import pytest
from queues import busy_queue

from perflab.measure.blocks import (
    BLOCKS,
    MIN_FOR_INTERVAL,
    STUDENT_95,
    independent,
    mean_error,
    percentile_error,
)
from perflab.measure.percentiles import percentile, rank_interval


@pytest.mark.parametrize("share", [0.5, 0.95])
@pytest.mark.parametrize("count", [100, 1_000])
def test_independent_samples_are_covered_as_often_as_promised(share: float, count: int) -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(500):
        samples = generator.exponential(size=count)
        off = abs(np.log(percentile(samples, share) / -np.log(1 - share)))
        covered += off <= STUDENT_95 * percentile_error(samples, share)
    assert 0.91 <= covered / 500 <= 0.98


def test_the_usual_response_of_a_busy_queue_is_covered_and_by_its_ranks_it_is_not() -> None:
    truth = np.log(2) / 0.2
    blocks = ranks = 0
    for seed in range(120):
        samples = busy_queue(seed)
        off = abs(np.log(percentile(samples, 0.5) / truth))
        blocks += off <= STUDENT_95 * percentile_error(samples, 0.5)
        low, high = rank_interval(samples.size, 0.5)
        assert low is not None and high is not None
        ordered = np.sort(samples)
        ranks += ordered[low - 1] <= truth <= ordered[high - 1]
    assert blocks / 120 > 0.85
    assert ranks / 120 < 0.5


def test_the_mean_of_a_queue_has_an_error_of_its_own() -> None:
    inside = 0
    for seed in range(120):
        samples = busy_queue(seed, utilisation=0.5, count=2_000)
        inside += abs(samples.mean() - 2.0) <= STUDENT_95 * mean_error(samples)
    assert inside / 120 > 0.9


def test_without_a_sample_for_each_block_nothing_is_said() -> None:
    assert percentile_error(np.ones(BLOCKS - 1), 0.5) == np.inf
    assert mean_error(np.ones(BLOCKS - 1)) == np.inf
    assert percentile_error([0.0] * 20, 0.5) == np.inf
    assert percentile_error([3.0] * BLOCKS, 0.5) == 0


def autoregressive(share: float, seed: int, count: int = 20_000) -> np.ndarray:
    """Logarithms of which each is that share of the one before, and chance: τ = (1 + share) / (1 - share)."""
    generator = np.random.default_rng(seed)
    logs = np.zeros(count)
    for i, step in enumerate(generator.normal(size=count)):
        logs[i] = share * logs[i - 1] + step
    return np.exp(logs)


@pytest.mark.parametrize(("share", "time"), [(0.0, 1.0), (0.5, 3.0), (0.9, 19.0)])
def test_samples_that_hang_together_are_worth_fewer_by_their_autocorrelation_time(share: float, time: float) -> None:
    worth = np.median([independent(autoregressive(share, seed)) for seed in range(5)])
    assert 20_000 / worth == pytest.approx(time, rel=0.15)


def test_the_worth_of_samples_without_correlations_to_speak_of() -> None:
    assert independent(np.ones(7)) == 7
    assert independent([3.0]) == 1
    assert independent([]) == 0
    assert independent([1.0, 0.0, 2.0]) == 0
    assert independent(np.tile([1.0, 2.0], 50)) == 100, "never more than there are"


@pytest.mark.parametrize("count", [150, 400, 1_000])
@pytest.mark.parametrize("utilisation", [0.3, 0.9, 0.95])
def test_close_to_saturation_a_wrong_interval_is_seldom_given(utilisation: float, count: int) -> None:
    truth = np.log(2) / (1 - utilisation)
    given = wrong = missed = 0
    for seed in range(150):
        samples = busy_queue(seed, utilisation, 5_000, count)
        misses = abs(np.log(percentile(samples, 0.5) / truth)) > STUDENT_95 * percentile_error(samples, 0.5)
        missed += misses
        given += independent(samples) >= MIN_FOR_INTERVAL
        wrong += misses and independent(samples) >= MIN_FOR_INTERVAL
    assert wrong / 150 <= 0.15  # 0.11 at most, at 90% and 1,000 requests
    if utilisation == 0.3:
        assert given / 150 > 0.9, "a quiet server has its interval"
    if utilisation == 0.95:
        assert missed / 150 > 0.3, "without asking what they are worth"
