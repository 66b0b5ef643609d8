"""Closed forms of queues against their known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory.queues import mean_wait


@pytest.mark.parametrize(("variation", "wait"), [(0, 2), (1, 4), (4, 10)])
def test_the_known_answers_of_one_server_at_80_percent(variation: float, wait: float) -> None:
    assert mean_wait(0.8, 1.0, 1 + variation) == pytest.approx(wait)


@pytest.mark.parametrize(("utilisation", "response"), [(0.5, 2), (0.8, 5), (0.9, 10), (0.95, 20)])
def test_exponential_service_gives_the_response_of_m_m_1(utilisation: float, response: float) -> None:
    assert 1 + mean_wait(utilisation, 1.0, 2.0) == pytest.approx(response)


def test_a_server_that_cannot_keep_up_has_no_mean_wait() -> None:
    assert mean_wait(1.0, 1.0, 1.0) == math.inf
    assert mean_wait(3.0, 1.0, 2.0) == math.inf


@given(st.floats(0, 0.99), st.floats(0.001, 10))
def test_the_unit_of_time_does_not_matter(utilisation: float, mean: float) -> None:
    assert mean_wait(utilisation / mean, mean, 2 * mean**2) == pytest.approx(mean * mean_wait(utilisation, 1, 2))


def test_it_agrees_with_a_long_simulated_queue() -> None:
    generator = np.random.default_rng(5)
    gaps, service = generator.exponential(1 / 0.7, 400_000), generator.choice([0.5, 1.5], 400_000)
    wait, total = 0.0, 0.0
    for gap, took in zip(gaps[1:], service[:-1], strict=True):
        wait = max(0.0, wait + took - gap)
        total += wait
    assert total / gaps.size == pytest.approx(mean_wait(0.7, 1.0, 1.25), rel=0.05)


@pytest.mark.parametrize("moments", [(-1, 1, 1), (1, -1, 1), (1, 1, 0.5)])
def test_moments_that_cannot_be_are_refused(moments: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        mean_wait(*moments)
