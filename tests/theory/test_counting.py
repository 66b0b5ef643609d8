"""Ways to count throughput, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory.counting import overall, until_last, windowed

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


@given(done_times, st.integers(0, 3))
def test_overall_divides_by_the_time_until_nothing_is_outstanding(done: np.ndarray, left: int) -> None:
    arrived = np.append(done - 0.001, [5.0] * left)
    for moment, rate in zip(MOMENTS, overall(done, arrived, MOMENTS), strict=True):
        so_far = [end for end in done if end <= moment]
        waits = sum(come <= moment for come in arrived) > len(so_far)
        until = moment if waits else max(so_far, default=1)
        assert rate == pytest.approx(len(so_far) / until if so_far else 0)


def test_a_server_that_hangs_is_seen_unless_time_ends_with_the_last_completion() -> None:
    arrived = np.arange(0.1, 10, 0.1)
    done = arrived[arrived < 2] + 0.05
    assert overall(done, arrived, [2.0, 4.0, 8.0]) == pytest.approx(done.size / np.array([2.0, 4.0, 8.0]), rel=0.06)
    assert until_last(done, [4.0, 8.0]) == pytest.approx([done.size / done[-1]] * 2)


def test_what_failed_is_not_outstanding() -> None:
    assert overall([1.0], [0.5, 1.5], [4.0], failed=[2.0]).tolist() == [0.5]


def test_nothing_done_is_no_throughput() -> None:
    for rates in (windowed([], MOMENTS, 1.0), overall([], [], MOMENTS), until_last([], MOMENTS)):
        assert rates.tolist() == [0.0] * MOMENTS.size


@pytest.mark.parametrize("window", [0.0, -1.0, float("nan")])
def test_a_window_without_length_is_refused(window: float) -> None:
    with pytest.raises(ValueError, match="a window has a length"):
        windowed([1.0], MOMENTS, window)
