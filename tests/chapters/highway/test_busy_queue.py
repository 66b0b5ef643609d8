"""What notebook 01 says of a busy server: how much a run of 400 requests at nine tenths of the capacity is worth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from perflab.theory.queues import mmc

REQUESTS, BUSY = 400, 0.9


def responses(runs: int, before: int = 0) -> NDArray[np.float64]:
    """Of `REQUESTS` at one server with a mean service of 1, after so many that are not looked at; shape (runs, requests)."""
    generator = np.random.default_rng(3)
    gaps = generator.exponential(1 / BUSY, (runs, before + REQUESTS))
    services = generator.exponential(1, gaps.shape)
    walk = np.cumsum(np.concatenate([np.zeros((runs, 1)), services[:, :-1] - gaps[:, 1:]], axis=1), axis=1)
    return (walk - np.minimum.accumulate(walk, axis=1) + services)[:, before:]


@pytest.mark.parametrize(
    ("runs", "before", "least", "most"), [(4_000, 0, 2.0, 3.5), (800, 2_000, 1.3, 2.5)], ids=["empty", "steady"]
)
def test_four_hundred_requests_are_worth_two_or_three_independent_ones_for_the_mean(
    runs: int, before: int, least: float, most: float
) -> None:
    found = responses(runs, before)
    assert least < found.var() / found.mean(axis=1).var() < most


def test_a_run_that_begins_empty_has_a_mean_that_is_a_fifth_too_low() -> None:
    assert responses(4_000).mean() / mmc(BUSY, 1.0).response == pytest.approx(0.8, abs=0.03)
