"""Ratios and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from queues import busy_queue

from perflab.measure.compare import Ratio, block_ratio, paired_ratio, ratio


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


def queue(seed: int, slower: float = 1.0, count: int = 2_000) -> np.ndarray:
    """Response times of a busy queue, one after the other: each remembers the one before."""
    generator = np.random.default_rng(seed)
    wait, found = 0.0, []
    for gap, service in zip(generator.exponential(1.4, count), generator.exponential(1.0, count), strict=True):
        found.append(wait + service)
        wait = max(0.0, wait + service - gap)
    return slower * np.array(found)


def test_the_ratio_of_correlated_samples_is_less_sure_of_itself() -> None:
    independent, blocks = ratio(queue(1), queue(2)), block_ratio(queue(1), queue(2))
    assert blocks.value == independent.value
    assert blocks.high - blocks.low > 1.5 * (independent.high - independent.low)
    assert block_ratio(queue(1, slower=10), queue(2)).verdict == "clear"


def test_two_runs_of_the_same_busy_queue_are_seldom_called_different() -> None:
    alarms = {"ranks": 0, "blocks": 0}
    for seed in range(100):
        runs = (queue(2 * seed, count=600), queue(2 * seed + 1, count=600))
        alarms["ranks"] += ratio(*runs).verdict == "clear"
        alarms["blocks"] += block_ratio(*runs).verdict == "clear"
    assert alarms["ranks"] > 40, "as if they were independent: a lie in most pairs of runs"
    assert alarms["blocks"] <= 10


@pytest.mark.parametrize("count", [150, 400, 1_000])
def test_close_to_saturation_too_two_runs_of_the_same_queue_are_seldom_called_different(count: int) -> None:
    runs = [busy_queue(seed, 0.95, 5_000, count) for seed in range(200)]
    pairs = list(zip(runs[::2], runs[1::2], strict=True))
    assert sum(block_ratio(*pair).verdict == "clear" for pair in pairs) <= 12
    assert block_ratio(100 * pairs[0][0], pairs[1][0]).verdict == "clear", "a hundredfold is more than chance"
    bold = sum(block_ratio(*pair, fewest=0).verdict == "clear" for pair in pairs)
    assert bold > 20, "without asking what they are worth"


def test_too_few_correlated_samples_decide_nothing_either() -> None:
    assert block_ratio(queue(1, 10, 100), queue(2, count=100), share=0.99).high == np.inf
    with pytest.raises(ValueError, match="both sides"):
        block_ratio([], [1.0])
