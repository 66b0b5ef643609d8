"""The histogram: precision, and the published examples of coordinated omission."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.measure.histogram import Histogram
from perflab.measure.percentiles import percentile

VALUES = st.lists(st.integers(0, 10**12), min_size=1, max_size=100)


@given(VALUES, st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_within_a_thousandth_of_the_exact_one(values: list[int], share: float) -> None:
    histogram = Histogram()
    histogram.record(values)
    assert histogram.percentile(share) == pytest.approx(percentile(values, share), rel=1e-3)


@given(VALUES, VALUES)
def test_values_recorded_in_two_steps_are_those_of_one(first: list[int], second: list[int]) -> None:
    one, both = Histogram(), Histogram()
    one.record(first)
    one.record(second)
    both.record(first + second)
    assert one.values().tolist() == both.values().tolist()
    assert one.values() == pytest.approx(np.sort(first + second), rel=1e-3)


def test_the_example_of_hdrhistogram_itself() -> None:
    histogram = Histogram()
    histogram.record(np.full(10_000, 1_000), expected_interval=10_000)
    histogram.record(100_000_000, expected_interval=10_000)
    assert histogram.count == 20_000
    assert histogram.percentile(0.5) == 1_000
    for share, value in {0.75: 5e7, 0.9: 8e7, 0.99: 9.8e7}.items():
        assert histogram.percentile(share) == pytest.approx(value, rel=1e-3)


def test_the_corrected_closed_loop_of_a_server_that_stalls_for_a_second() -> None:
    """Truth table: 100 requests/s for 10 s, 1 ms of service, one stall of 1 s; 901 closed-loop samples corrected by 10 ms."""
    histogram = Histogram()
    histogram.record([1_000_000] * 900 + [1_001_000_000], expected_interval=10_000_000)
    assert histogram.count == 1_000
    for share, milliseconds in {0.95: 501, 0.99: 901, 0.999: 991}.items():
        assert histogram.percentile(share) == pytest.approx(milliseconds * 1e6, rel=1e-3)
    assert histogram.values().mean() == pytest.approx(51.5e6, rel=2e-3)


@pytest.mark.parametrize("value", [-1, 10**14])
def test_values_out_of_range_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="values must be from 0 to"):
        Histogram().record(value)


def test_an_empty_histogram_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="no samples"):
        Histogram().percentile(0.5)
