"""Sending times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perflab.measure.guards import BadInput
from perflab.measure.schedule import constant, poisson


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


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), "fast", 1e9])
def test_a_rate_out_of_range_is_refused(rate: Any) -> None:
    with pytest.raises(BadInput, match="rate must be a number from"):
        constant(rate, 1)
