"""Intervals of a few samples hold the mean as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perflab.measure.student import half_interval, student


@pytest.mark.parametrize("size", [2, 3, 6, 12, 40])
def test_an_interval_of_a_mean_holds_it_in_95_of_100_runs_also_of_few_samples(size: int) -> None:
    runs = np.random.default_rng(size).normal(10, 2, (4_000, size))
    held = np.mean([abs(run.mean() - 10) <= half_interval(run) for run in runs])
    assert 0.94 < held < 0.965, held


def test_one_sample_has_no_interval() -> None:
    assert math.isnan(half_interval([3.0])) and math.isnan(half_interval([]))


@pytest.mark.parametrize("freedom", [1, 2, 4, 16])
def test_the_quantile_leaves_out_a_fortieth_at_each_end(freedom: int) -> None:
    drawn = np.random.default_rng(freedom).standard_t(freedom, 200_000)
    assert 0.024 < np.mean(drawn > student(freedom)) < 0.026


def test_beyond_the_table_it_is_too_wide_by_little() -> None:
    assert student(1_000) == student(16)
