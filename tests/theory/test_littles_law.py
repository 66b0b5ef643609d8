"""Little's law holds exactly over a closed window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory.littles_law import inside_over_time, observe, steps_inside

VISITS = st.lists(st.tuples(st.floats(0, 1e4), st.floats(0.001, 1e3)), min_size=1, max_size=50)


@given(VISITS)
def test_it_holds_for_any_visits_whatever_their_distribution(visits: list[tuple[float, float]]) -> None:
    arrivals = np.array([arrival for arrival, _ in visits])
    flow = observe(arrivals, arrivals + np.array([stay for _, stay in visits]))
    assert flow.inside == pytest.approx(flow.rate * flow.time_inside, rel=1e-9)


def test_it_holds_to_nine_digits_for_a_queue_and_for_large_clock_readings() -> None:
    generator = np.random.default_rng(4)
    arrivals = np.cumsum(generator.exponential(1.25, 5_000))
    departures, free_at = [], 0.0
    for arrival, service in zip(arrivals, generator.exponential(1.0, 5_000), strict=True):
        free_at = max(arrival, free_at) + service
        departures.append(free_at)
    for start in (0.0, 1e9):
        flow = observe(start + arrivals, start + np.array(departures))
        assert abs(flow.inside / (flow.rate * flow.time_inside) - 1) < 1e-9


def test_a_case_that_can_be_counted_by_hand() -> None:
    flow = observe([0, 1], [2, 4])
    assert (flow.inside, flow.rate, flow.time_inside) == (1.25, 0.5, 2.5)


@pytest.mark.parametrize(("came", "went"), [([], []), ([1], [0]), ([1, 2], [3]), ([1], [1])])
def test_what_is_no_window_is_refused(came: list[float], went: list[float]) -> None:
    with pytest.raises(ValueError, match=r"pair up|no length"):
        observe(came, went)


def test_the_number_inside_over_time_is_that_of_counting_at_every_moment() -> None:
    generator = np.random.default_rng(2)
    came = np.sort(generator.uniform(0, 10, 50))
    went = came + generator.exponential(1.0, 50)
    seen_leaving = went[went < 8]
    edges = np.array([0.0, 2.0, 5.0, 8.0])
    moments = np.linspace(0, 8, 80_001)
    inside = np.searchsorted(came, moments, side="right") - np.searchsorted(
        np.sort(seen_leaving), moments, side="right"
    )
    for found, low, high in zip(inside_over_time(came, seen_leaving, edges), edges, edges[1:], strict=False):
        assert found == pytest.approx(inside[(moments >= low) & (moments < high)].mean(), abs=0.01)


def test_the_number_inside_goes_up_and_down_by_one_and_ends_at_nothing() -> None:
    generator = np.random.default_rng(1)
    came = np.sort(generator.uniform(0, 2, 200))
    moments, inside = steps_inside(came, came + generator.exponential(0.05, 200))
    assert moments.size == 400 and np.all(np.diff(moments) >= 0)
    assert np.all(np.abs(np.diff(inside)) == 1)
    assert inside[0] == 1 and inside[-1] == 0 and inside.min() >= 0


def test_requests_that_have_not_left_are_inside_at_the_end() -> None:
    moments, inside = steps_inside([0, 1, 5], [2])
    assert moments.tolist() == [0, 1, 2, 5] and inside.tolist() == [1, 2, 1, 2]
    assert [column.size for column in steps_inside([], [])] == [0, 0]
