"""Working sets and caches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory.memory import outside_from, random_read, share_outside


def test_what_fits_is_inside_and_twice_the_cache_is_half_outside() -> None:
    assert share_outside([1_000, 10_000, 20_000, 1e9], 10_000) == pytest.approx([0, 0, 0.5, 1], abs=1e-4)
    assert random_read(20_000, 10_000, 10, 110) == pytest.approx(60)


def test_a_simulated_cache_of_random_pages_holds_that_share() -> None:
    generator = np.random.default_rng(1)
    cached = set(generator.choice(4_000, 1_000, replace=False).tolist())
    reads = generator.integers(0, 4_000, 50_000).tolist()
    assert sum(read not in cached for read in reads) / len(reads) == pytest.approx(
        float(share_outside(4_000, 1_000)), abs=0.01
    )


@given(st.floats(1, 50), st.floats(51, 500), st.floats(1.1, 1e3))
def test_what_lies_behind_the_cache_is_recovered_from_one_measurement(
    inside: float, outside: float, times: float
) -> None:
    measured = float(random_read(times * 1e6, 1e6, inside, outside))
    assert outside_from(measured, times * 1e6, 1e6, inside) == pytest.approx(outside, rel=1e-6)


def test_a_lucky_measurement_never_makes_memory_faster_than_its_cache() -> None:
    assert outside_from(3.0, 2e6, 1e6, 10.0) == 10.0


@pytest.mark.parametrize(("size", "cache"), [(0, 1), (1, 0), (-1, 1)])
def test_sizes_are_above_zero(size: float, cache: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        share_outside(size, cache)


def test_a_working_set_that_fits_says_nothing_about_what_lies_behind() -> None:
    with pytest.raises(ValueError, match="larger than the cache"):
        outside_from(10, 1e5, 1e6, 1)
