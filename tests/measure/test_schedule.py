"""Sending times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perflab.measure.guards import BadInput
from perflab.measure.schedule import constant, poisson, services


def test_a_constant_rate_is_evenly_spaced_without_drift() -> None:
    times = constant(300, 10)
    assert times.size == 3_000
    assert times[0] == 0
    assert times[2_999] == round(2_999 * 1e9 / 300)


def test_a_poisson_process_has_its_rate_and_exponential_gaps() -> None:
    times = poisson(1_000, 20, seed=1)
    gaps = np.diff(times) / 1e9
    assert times.size == pytest.approx(20_000, rel=0.03)
    assert gaps.mean() == pytest.approx(gaps.std(), rel=0.05)
    assert (gaps >= 0).all()


def test_the_seed_decides() -> None:
    assert (poisson(100, 5, seed=3) == poisson(100, 5, seed=3)).all()
    assert not np.array_equal(poisson(100, 5, seed=3), poisson(100, 5, seed=4))


def test_services_have_their_mean_and_nothing_to_do_with_the_schedule_of_the_same_seed() -> None:
    numbers, means = [], []
    for seed in range(400):
        number = poisson(100, 1, seed).size
        numbers.append(number)
        means.append(services(20.0, 2_000, seed)[:number].mean())
    assert np.mean(means) == pytest.approx(20.0, rel=0.02)
    assert abs(np.corrcoef(numbers, means)[0, 1]) < 0.15


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), "fast", 1e9])
def test_a_rate_out_of_range_is_refused(rate: Any) -> None:
    with pytest.raises(BadInput, match="rate must be a number from"):
        constant(rate, 1)
