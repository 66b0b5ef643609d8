"""Percentiles and their intervals: known answers, an oracle, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.measure.percentiles import nearest_rank, percentile, rank_interval, samples_needed

VALUES = st.lists(st.floats(0, 1e9), min_size=1, max_size=300)
SHARES = st.sampled_from([0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999])


@given(VALUES, SHARES)
def test_nearest_rank_is_what_numpy_calls_inverted_cdf(values: list[float], share: float) -> None:
    assert percentile(values, share) == np.quantile(values, share, method="inverted_cdf")


def test_ninety_nine_fast_calls_and_one_slow_one_have_a_fast_p99() -> None:
    assert percentile([1.0] * 99 + [100.0], 0.99) == 1.0


def test_a_percentile_of_nothing_does_not_exist() -> None:
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 0.5)


@pytest.mark.parametrize("samples", [[float("nan")], [1.0, float("nan"), 2.0], np.array([3.0] * 500 + [np.nan])])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99, 1.0])
def test_a_sample_that_is_no_number_is_refused(samples: list[float], share: float) -> None:
    with pytest.raises(ValueError, match=f"1 of {len(samples)} samples are no numbers"):
        percentile(samples, share)


@pytest.mark.parametrize("share", [99, 100, 0, -0.5, 1.01, float("nan")])
def test_a_share_that_is_none_is_not_silently_the_maximum(share: float) -> None:
    for ask in (
        lambda: percentile([1.0, 2.0], share),
        lambda: nearest_rank(2, share),
        lambda: rank_interval(2, share),
        lambda: samples_needed(share),
    ):
        with pytest.raises(ValueError, match="the p99 is 0.99"):
            ask()


def test_the_whole_of_the_samples_ends_with_the_slowest() -> None:
    assert percentile([3.0, 1.0, float("inf")], 1) == float("inf")


@pytest.mark.parametrize(("count", "rank"), [(1_000, 990), (10_000, 9_900), (100, 99), (1, 1)])
def test_the_rank_is_free_of_rounding_errors(count: int, rank: int) -> None:
    assert nearest_rank(count, 0.99) == rank


@pytest.mark.parametrize(
    ("count", "share", "ranks"), [(100, 0.5, (40, 61)), (1_000, 0.99, (983, 997)), (10_000, 0.99, (9_880, 9_920))]
)
def test_known_rank_intervals(count: int, share: float, ranks: tuple[int, int]) -> None:
    assert rank_interval(count, share) == ranks


@pytest.mark.parametrize(("share", "needed"), [(0.95, 72), (0.99, 368), (0.999, 3_688)])
def test_an_upper_end_exists_from_just_as_many_samples_as_said(share: float, needed: int) -> None:
    assert samples_needed(share) == needed
    assert rank_interval(needed, share)[1] is not None
    assert rank_interval(needed - 1, share)[1] is None


@pytest.mark.parametrize(("count", "share"), [(100, 0.5), (400, 0.99), (1_000, 0.95)])
def test_the_interval_covers_the_true_percentile_at_least_as_often_as_promised(count: int, share: float) -> None:
    generator = np.random.default_rng(5)
    ordered = np.sort(generator.exponential(size=(2_000, count)), axis=1)
    low, high = rank_interval(count, share)
    assert low is not None and high is not None
    truth = -np.log(1 - share)
    covered = np.mean((ordered[:, low - 1] <= truth) & (truth <= ordered[:, high - 1]))
    assert 0.94 <= covered <= 0.985


@given(st.integers(1, 5_000), SHARES)
def test_ranks_lie_inside_and_around_the_percentile(count: int, share: float) -> None:
    low, high = rank_interval(count, share)
    rank = nearest_rank(count, share)
    assert low is None or 1 <= low <= rank
    assert high is None or rank <= high <= count
