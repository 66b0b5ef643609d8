"""Where requests are at a moment: as their moments say, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from replayed import few_moments

from perflab.lab.moments import ANSWERED, ASIDE, AT_WORK, BEFORE, GONE, IN_LINE, NEEDLESS, OPEN, SENT, SERVED, Moments


@pytest.mark.parametrize(
    ("at_s", "states"),
    [
        (0.0, [SENT, BEFORE, BEFORE, BEFORE, BEFORE, BEFORE, BEFORE]),
        (0.01, [AT_WORK, BEFORE, BEFORE, BEFORE, BEFORE, BEFORE, BEFORE]),
        (0.255, [AT_WORK, IN_LINE, IN_LINE, BEFORE, BEFORE, BEFORE, BEFORE]),
        (0.265, [ANSWERED, AT_WORK, IN_LINE, BEFORE, BEFORE, BEFORE, BEFORE]),
        (0.355, [GONE, AT_WORK, IN_LINE, IN_LINE, SENT, BEFORE, BEFORE]),
        (0.55, [GONE, GONE, AT_WORK, IN_LINE, GONE, SENT, SENT]),
        (1.0, [GONE, GONE, GONE, GONE, GONE, GONE, SENT]),
    ],
)
def test_a_request_is_where_the_last_of_its_moments_has_put_it(at_s: float, states: list[int]) -> None:
    assert few_moments().states_at(at_s).tolist() == states


def test_nothing_is_shown_of_a_request_before_it_was_due() -> None:
    early = few_moments(queued_s=np.full(7, -0.1))
    assert early.states_at(0.05).tolist() == [AT_WORK] + [BEFORE] * 6


def random_moments(seed: int, workers: int = 3, number: int = 400) -> Moments:
    """First come, first served."""
    random = np.random.default_rng(seed)
    due_s = np.sort(random.uniform(0, 4, number))
    queued_s = np.maximum.accumulate(due_s + random.uniform(0, 0.001, number))
    free_s, started_s, done_s = np.zeros(workers), np.empty(number), np.empty(number)
    for one in range(number):
        worker = int(np.argmin(free_s))
        started_s[one] = max(queued_s[one], free_s[worker])
        done_s[one] = free_s[worker] = started_s[one] + random.exponential(0.028)
    gone_s = np.where(done_s + 0.001 < 4, done_s + 0.001, np.nan)
    became = np.where(np.isnan(gone_s), OPEN, SERVED)
    return Moments(due_s, queued_s, started_s, done_s, gone_s, became, np.zeros(number, int), 4.0, workers)


@pytest.mark.parametrize("seed", range(5))
def test_a_place_holds_one_request_at_a_time_and_there_are_no_more_places_than_workers(seed: int) -> None:
    moments = random_moments(seed)
    assert set(moments.places.tolist()) == {0, 1, 2}
    for at_s in np.linspace(0, 4, 200):
        held = moments.places[moments.states_at(at_s) == AT_WORK]
        assert np.unique(held).size == held.size


def test_readings_that_overlap_open_another_place_and_none_is_shared() -> None:
    overlapping = few_moments(started_s=np.array([0.01, 0.25, 0.51, 0.76, np.nan, np.nan, np.nan]))
    assert overlapping.places.tolist() == [0, 1, 0, 0, -1, -1, -1]


def test_each_server_has_places_of_its_own() -> None:
    two = few_moments(server=np.array([0, 1, 1, 0, 0, 0, 0]), servers=2, started_s=few_moments().queued_s)
    assert two.places.tolist() == [0, 0, 1, 0, -1, -1, -1]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_the_same_by_time_and_by_request(seed: int) -> None:
    """By brute force, too: the number inside at 20,000 moments."""
    moments = random_moments(seed)
    for first_s, last_s in ((0.0, 4.0), (1.3, 2.1), (3.9, 4.0)):
        by_time = moments.area_by_time(first_s, last_s)
        assert by_time == pytest.approx(moments.area_by_request(first_s, last_s), rel=1e-12)
        at_s = first_s + (np.arange(20_000) + 0.5) / 20_000 * (last_s - first_s)
        inside = [np.count_nonzero((moments.due_s <= t) & ~(moments.gone_s <= t)) for t in at_s.tolist()]
        assert by_time == pytest.approx(np.mean(inside) * (last_s - first_s), rel=0.01)


@pytest.mark.parametrize("what", [NEEDLESS, ASIDE])
def test_an_attempt_or_work_beside_a_request_is_no_request(what: int) -> None:
    moments = few_moments()
    beside = few_moments(became=np.where(moments.became == SERVED, what, moments.became))
    assert moments.inside(0, 1)[1].max() == 5 and beside.inside(0, 1)[1].max() == 2
    assert beside.area_by_request(0, 1) == pytest.approx(0.01 + 0.2 + 0.5)


def test_one_that_goes_without_having_been_at_work_is_no_longer_in_line() -> None:
    given_up = few_moments(started_s=np.where(np.arange(7) == 2, np.nan, few_moments().started_s))
    assert given_up.in_line(0, 1)[1][-1] == 0 and given_up.states_at(0.6)[2] == IN_LINE


def test_one_without_an_end_keeps_its_place() -> None:
    open_end = few_moments(done_s=np.array([0.26, np.nan, 0.76, 0.9, np.nan, np.nan, np.nan]))
    assert open_end.places.tolist() == [0, 0, 1, 1, -1, -1, -1]


def test_steps_begin_and_end_where_the_part_of_the_run_does() -> None:
    at_s, number = few_moments().in_line(0.2, 0.6)
    np.testing.assert_allclose(at_s, [0.2, 0.21, 0.26, 0.31, 0.51, 0.6])
    assert number.tolist() == [1, 2, 1, 2, 1, 1]
    assert few_moments().on_the_way(0.45, 1)[1].tolist() == [1, 2, 1, 1], "one failed, and one is never answered"


def test_the_request_of_a_percentile_is_one_that_took_so_long() -> None:
    moments = random_moments(1)
    served_s = np.sort(moments.response_s)[: np.isfinite(moments.response_s).sum()]
    for share in (0.5, 0.99):
        one = moments.percentile_request(share, 0, 4)
        assert one is not None
        assert moments.response_s[one] == served_s[int(np.ceil(share * served_s.size)) - 1]
    assert few_moments().percentile_request(0.5, 0.34, 1) is None, "none of those was served"


def test_a_short_run_is_played_whole_and_a_long_one_where_it_is_fullest() -> None:
    assert few_moments().window() == (0.0, 1.0)
    due_s = np.concatenate([np.linspace(0, 10, 50, endpoint=False), np.full(30, 6.0)])
    long = Moments(due_s, due_s, due_s, due_s + 0.5, due_s + 0.5, np.full(80, SERVED), np.zeros(80, int), 10.0)
    first_s, last_s = long.window()
    assert first_s <= 6.0 and last_s >= 6.5 and last_s - first_s == pytest.approx(2.0)
