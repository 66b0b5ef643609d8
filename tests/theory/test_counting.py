"""Ways to count throughput, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory.counting import overall, smoothed, windowed

MOMENTS = np.linspace(0, 10, 41)
done_times = st.lists(st.integers(1, 9_999), max_size=60).map(lambda times: np.sort(np.array(times, float)) / 1_000)


@given(done_times, st.sampled_from([0.05, 0.5, 3.0, 60.0]))
def test_a_window_counts_what_was_done_in_it_and_divides_by_what_has_passed_of_it(
    done: np.ndarray, window: float
) -> None:
    found = windowed(done, MOMENTS, window)
    for moment, rate in zip(MOMENTS[1:], found[1:], strict=True):
        seen = sum(moment - window < end <= moment for end in done)
        assert rate == pytest.approx(seen / min(window, moment), abs=1e-6)
    assert found[0] == 0


@given(done_times)
def test_overall_stops_at_the_last_completion(done: np.ndarray) -> None:
    for moment, rate in zip(MOMENTS, overall(done, MOMENTS), strict=True):
        so_far = [end for end in done if end <= moment]
        assert rate == pytest.approx(len(so_far) / so_far[-1] if so_far else 0)


@pytest.mark.parametrize("constant", [0.1, 1.0, 5.0])
def test_smoothing_an_even_flow_gives_its_rate_from_the_beginning(constant: float) -> None:
    done = np.arange(0.005, 10, 0.01)
    found = smoothed(done, MOMENTS[2:], constant)
    np.testing.assert_allclose(found, 100, rtol=0.06)


def test_smoothing_forgets() -> None:
    done = np.arange(0.005, 5, 0.01)
    assert smoothed(done, [5.0], 0.5)[0] > 50 * smoothed(done, [8.0], 0.5)[0]


def test_nothing_done_is_no_throughput() -> None:
    for rates in (windowed([], MOMENTS, 1.0), overall([], MOMENTS), smoothed([], MOMENTS, 1.0)):
        assert rates.tolist() == [0.0] * MOMENTS.size


@pytest.mark.parametrize("count", [windowed, smoothed])
def test_a_window_without_length_is_refused(count: object) -> None:
    with pytest.raises(ValueError):
        count([1.0], MOMENTS, 0.0)  # type: ignore[operator]
