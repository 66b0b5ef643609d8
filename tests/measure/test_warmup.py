"""Finding the warm-up."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.measure.warmup import warmup_length


@pytest.mark.parametrize("slow_calls", [30, 100, 400])
def test_a_slow_beginning_is_found(slow_calls: int) -> None:
    latencies = np.random.default_rng(1).lognormal(7, 0.3, 10_000)
    latencies[:slow_calls] *= 5
    assert slow_calls / 2 <= warmup_length(latencies) <= 2 * slow_calls


@pytest.mark.parametrize("spread", [0.1, 0.5, 1.0])
def test_steady_noise_is_hardly_ever_taken_for_warm_up(spread: float) -> None:
    generator = np.random.default_rng(2)
    alarms = sum(
        warmup_length(generator.lognormal(7, spread, size)) > 0 for size in (60, 1_000, 5_000) for _ in range(100)
    )
    assert alarms <= 9


def test_a_single_outlier_in_the_middle_is_no_warm_up() -> None:
    latencies = np.full(1_000, 100.0)
    latencies[300] = 1e6
    assert warmup_length(latencies) == 0


@pytest.mark.parametrize("count", [0, 1, 39])
def test_few_samples_have_no_warm_up_that_could_be_told(count: int) -> None:
    assert warmup_length(np.arange(count, 0, -1)) == 0
