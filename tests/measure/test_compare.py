"""Ratios and their intervals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from perflab.measure.compare import CLEAR, Ratio, lie_apart, more_of, paired_ratio, ratio
from perflab.measure.schedule import poisson
from perflab.theory.simulate import simulate


def test_the_interval_of_a_ratio_of_medians_covers_the_truth_as_often_as_promised() -> None:
    generator = np.random.default_rng(4)
    covered = 0
    for seed in range(300):
        found = ratio(generator.lognormal(1.0, 0.5, 200), generator.lognormal(0.0, 0.5, 200), seed=seed)
        covered += found.low <= np.e <= found.high
    assert 0.90 <= covered / 300 <= 0.99


def test_a_percentile_can_be_compared_too() -> None:
    generator = np.random.default_rng(4)
    found = ratio(3 * generator.exponential(size=20_000), generator.exponential(size=20_000), share=0.99)
    assert found.low < 3 < found.high


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((1.2, 1.4), "clear"),
        ((0.5, 0.9), "clear"),
        ((0.9, 1.3), "too close to call"),
        ((0.97, 1.03), "practically equal"),
        ((1.01, 1.03), "practically equal"),
    ],
)
def test_the_verdict_follows_from_the_interval(interval: tuple[float, float], verdict: str) -> None:
    assert Ratio(1.0, *interval).verdict == verdict


def test_pairs_cancel_what_disturbs_both_members() -> None:
    generator = np.random.default_rng(6)
    weather = generator.lognormal(0, 2, 200)
    found = paired_ratio(1.2 * weather * generator.normal(1, 0.01, 200), weather * generator.normal(1, 0.01, 200))
    assert 1.19 < found.low < 1.2 < found.high < 1.21


@pytest.mark.long
@pytest.mark.parametrize("pairs", [6, 7, 8, 10, 12, 14, 15, 20, 30, 40, 100])
def test_equal_settings_are_seldom_called_different_however_few_pairs_there_are(pairs: int) -> None:
    ratios = np.random.default_rng(pairs).lognormal(0.0, 0.3, (2_000, pairs))
    assert np.mean([paired_ratio(each, np.ones(pairs)).verdict == "clear" for each in ratios]) <= 0.055


@pytest.mark.parametrize(("first", "second"), [([1.0], [1.0, 2.0]), ([], [])])
def test_pairs_must_be_pairs(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="pairs need"):
        paired_ratio(first, second)


def test_a_ratio_needs_samples_on_both_sides() -> None:
    with pytest.raises(ValueError, match="both sides"):
        ratio([1.0], [])


@pytest.mark.parametrize(("few", "share"), [(1, 0.5), (5, 0.5), (367, 0.99)])
def test_too_few_samples_on_one_side_decide_nothing(few: int, share: float) -> None:
    found = ratio(np.full(few, 17.0), np.ones(20_000), share)
    assert (found.value, found.low, found.high) == (17.0, 0.0, np.inf)
    assert found.verdict == "too close to call"
    assert ratio(np.full(few + 1, 17.0), np.ones(20_000), share).verdict == "clear" or few == 1


def test_too_few_pairs_decide_nothing() -> None:
    assert paired_ratio([2.0] * 5, [1.0] * 5).verdict == "too close to call"
    assert paired_ratio([2.0] * 6, [1.0] * 6).verdict == "clear"


@pytest.mark.parametrize("zero", [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
def test_a_time_below_the_clocks_step_is_compared_with_nothing(zero: list[float]) -> None:
    a, b = zero
    for found in (paired_ratio([a] * 20, [b] * 20, step=1.0), ratio([a] * 400, [b] * 400)):
        assert (found.low, found.high, found.verdict) == (0.0, np.inf, "too close to call")


@pytest.mark.parametrize("bad", [[float("nan")] * 8, [1.0] * 7 + [float("nan")]])
def test_a_pair_without_a_number_is_refused(bad: list[float]) -> None:
    for pair in ((bad, [1.0] * 8), ([1.0] * 8, bad)):
        with pytest.raises(ValueError, match="no number"):
            paired_ratio(*pair)


def test_medians_a_few_steps_of_the_clock_apart_are_not_told_apart() -> None:
    assert paired_ratio([130.0] * 20, [120.0] * 20).verdict == "clear"
    for apart in range(1, 10):
        found = paired_ratio([120.0 + 10 * apart] * 20, [120.0] * 20, step=10)
        assert found.verdict == "too close to call"
        assert found.high - found.low >= 10 / 120
        found = paired_ratio([120.0] * 20, [120.0 + 10 * apart] * 20, step=10)
        assert found.verdict == "too close to call"
    assert paired_ratio([250.0] * 20, [120.0] * 20, step=10).verdict == "clear"
    assert paired_ratio([120.0] * 20, [120.0] * 20, step=10).verdict == "practically equal"
    assert paired_ratio([20.0] * 20, [20.0] * 20, step=10).verdict == "too close to call"


def test_two_equal_settings_on_a_clock_of_ten_nanoseconds_are_not_called_different() -> None:
    def run(seed: int, median_ns: float) -> np.ndarray:
        generator = np.random.default_rng(seed)
        starts = generator.uniform(0, 1e6, 1_000)
        return np.asarray(np.floor((starts + generator.lognormal(np.log(median_ns), 0.05, 1_000)) / 10) * 10) - (
            np.floor(starts / 10) * 10
        )

    found = [ratio(run(2 * seed, 125.0), run(2 * seed + 1, 125.6), seed=seed).verdict for seed in range(100)]
    assert found.count("clear") == 0
    assert ratio(run(1, 400.0), run(2, 125.0)).verdict == "clear"


def slices_of_queues(utilisation: float, seed: int, slower: float = 1.0) -> np.ndarray:
    """Medians of 12 slices of two queues with the same arrivals; services of 4 ms scatter, and 1 in 100 takes 20 ms more."""
    generator, service, seconds = np.random.default_rng(seed), 0.004, 2.0
    arrivals = poisson(utilisation / service, seconds, seed) / 1e9
    runs = []
    for factor in (1.0, slower):
        late = np.where(generator.random(arrivals.size) < 0.01, 0.02, 0.0)
        runs.append(simulate(arrivals, factor * service * generator.lognormal(0, 0.3, arrivals.size) + late))
    edges = np.linspace(0, seconds, 13)
    slices = [[(low < run.departures) & (run.departures <= high) for run in runs] for low, high in pairwise(edges)]
    medians = [
        [float(np.median(run.responses[within])) for run, within in zip(runs, both, strict=True)]
        for both in slices
        if all(within.any() for within in both)
    ]
    return np.array(medians).T


@pytest.mark.parametrize(("utilisation", "at_most"), [(0.3, 0.05), (0.6, 0.05), (0.8, 0.08)])
def test_slices_of_equal_queues_are_seldom_called_different(utilisation: float, at_most: float) -> None:
    pairs = [slices_of_queues(utilisation, seed) for seed in range(200)]
    clear = [paired_ratio(*pair, queued=True).verdict == CLEAR for pair in pairs]
    assert np.mean(clear) <= at_most


def test_a_service_twice_as_long_is_told_from_a_queue() -> None:
    for seed in range(100):
        first, second = slices_of_queues(0.4, seed, slower=2.0)
        assert paired_ratio(second, first, queued=True).verdict == CLEAR


def test_slices_that_follow_one_another_count_for_fewer() -> None:
    drifting = np.exp(np.repeat([0.05, 0.2, 0.02, 0.1], 5))
    alone, related = (paired_ratio(drifting, np.ones(20), queued=queued) for queued in (False, True))
    assert alone.verdict == CLEAR and not related.has_interval
    far = paired_ratio(3 * drifting, np.ones(20), queued=True)
    assert far.verdict == CLEAR and far.low == pytest.approx(3 * alone.low)
    same = 1.1 * drifting
    assert paired_ratio(same, drifting, queued=True).low == pytest.approx(1.1), "rounding is no scatter"
    mixed = np.exp(np.tile([0.05, 0.2, 0.02, 0.1], 5))
    assert paired_ratio(mixed, np.ones(20), queued=True) == paired_ratio(mixed, np.ones(20))


@pytest.mark.parametrize(
    ("first", "second", "found"), [(1, 1, None), (3, 3, None), (4, 4, True), (1, 38, None), (1, 39, True)]
)
def test_values_that_lie_apart_decide_only_where_that_is_no_chance(first: int, second: int, found: bool | None) -> None:
    low, high = np.linspace(1, 2, first), np.linspace(4, 5, second)
    assert lie_apart(low, high, 1.5) is lie_apart(high, low, 1.5) is found
    assert lie_apart(low, high, 5.5) is False, "not so many times as long"


def test_equal_settings_seldom_lie_apart() -> None:
    generator = np.random.default_rng(4)
    assert sum(lie_apart(*generator.exponential(size=(2, 4))) is True for _ in range(2_000)) <= 0.05 * 2_000


def test_differences_of_pairs_decide_where_nearly_all_agree() -> None:
    none, some = np.zeros(12), np.array([0.0, 0.0, *[0.3] * 10])
    assert more_of(some, none) is True and more_of(none, some) is False
    assert more_of(none, none) is None and more_of(0.3 - some, none) is None, "ten of twelve are equal"
    mixed = np.array([0.3, -0.3] * 6)
    assert more_of(mixed, none) is None
    assert more_of(some[2:7], none[:5]) is None, "five pairs are too few"
    lost = np.array([np.nan, np.nan, *[0.3] * 6])
    assert more_of(lost, np.zeros(8)) is True and more_of(lost[:7], np.zeros(7)) is None
    assert more_of(np.full(3, np.nan), np.zeros(3)) is None
