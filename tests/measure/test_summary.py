"""The summary of a run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from perflab.measure.summary import MIN_FOR_MEAN, _mean, percentile_name, summarise


def test_each_number_of_a_known_set() -> None:
    summary = summarise(np.arange(1, 1_001), failures=3)
    assert (summary.count, summary.failures) == (1_000, 3)
    assert (summary.minimum, summary.median, summary.maximum) == (1, 500, 1_000)
    assert summary.mean.value == 500.5
    assert summary.stdev == pytest.approx(288.819, abs=1e-3)
    p99 = summary.percentiles[0.99]
    assert (p99.name, p99.value, p99.low, p99.high, p99.shortage) == ("p99", 990, 983, 997, "")


def test_too_few_samples_say_how_many_are_needed() -> None:
    p99 = summarise(np.arange(120)).percentiles[0.99]
    assert np.isnan(p99.high) and not p99.has_interval
    assert p99.shortage == "p99 needs 368 samples, have 120"


def test_one_sample_is_summarised_without_intervals() -> None:
    summary = summarise([7.0])
    assert (summary.median, summary.stdev) == (7.0, 0.0)
    assert not summary.mean.has_interval
    assert summary.percentiles[0.5].shortage == "p50 needs 6 samples, have 1"


Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def mixture(share: float, factor: float) -> Draw:
    """Calls of which a share takes many times as long."""
    return lambda generator, shape: np.where(generator.random(shape) < share, factor, 1.0)


TAILS: dict[str, tuple[Draw, float]] = {
    "exponential": (lambda generator, shape: generator.exponential(size=shape), 1.0),
    "lognormal, 1.5": (lambda generator, shape: generator.lognormal(0, 1.5, shape), float(np.exp(1.125))),
    "1% of slow calls": (mixture(0.01, 100), 1.99),
    "0.5% of slow calls": (mixture(0.005, 100), 1.495),
    "5% of slow calls": (mixture(0.05, 50), 3.45),
}


@pytest.mark.long
@pytest.mark.parametrize("count", [MIN_FOR_MEAN, 4_000])
@pytest.mark.parametrize("kind", TAILS)
def test_the_interval_of_the_mean_covers_it_as_often_as_promised(kind: str, count: int) -> None:
    draw, truth = TAILS[kind]
    means = [_mean(np.sort(run), 1) for run in draw(np.random.default_rng(8), (1_000, count))]
    covered = np.mean([each.low <= truth <= each.high for each in means])
    assert 0.92 <= covered <= 0.985  # 93 to 98%; of 1,000 runs it scatters by 0.7%


@pytest.mark.parametrize("batch", [10, 100])
def test_batches_hold_many_calls_so_that_few_of_them_have_an_interval(batch: int) -> None:
    size = max(30, MIN_FOR_MEAN // batch)
    calls = mixture(0.01, 100)(np.random.default_rng(9), (1_000, size * batch)).reshape(1_000, size, batch)
    found = [_mean(np.sort(run), batch) for run in calls.mean(axis=2)]
    assert 0.92 <= np.mean([each.low <= 1.99 <= each.high for each in found]) <= 0.985
    assert not summarise(calls[0].mean(axis=1)[:29], batch=batch).mean.has_interval


def test_a_mean_of_few_calls_says_how_many_it_needs() -> None:
    mean = summarise(np.arange(400.0)).mean
    assert (mean.has_interval, mean.shortage) == (False, "its interval needs 1,500 samples, have 400")
    same = summarise(np.full(2_000, 7.0)).mean
    assert (same.low, same.value, same.high) == (7.0, 7.0, 7.0)


def test_the_warm_up_is_left_out_and_counted() -> None:
    latencies = np.random.default_rng(1).lognormal(7, 0.1, 10_000)
    settled = summarise(latencies[512:])
    latencies[:400] *= 5
    found = summarise(latencies)
    assert (found.warm_up, found.count) == (512, 10_000 - 512)
    assert found.percentiles[0.99] == settled.percentiles[0.99]
    assert summarise(latencies, queued=True).warm_up == 0, "a queue that fills is no warm-up"


def test_an_interval_is_no_narrower_than_a_step_of_the_clock() -> None:
    told = np.random.default_rng(1).choice([120.0, 121.0, 130.0, 131.0], 10_000, p=[0.4, 0.2, 0.2, 0.2])
    p50 = summarise(told).percentiles[0.5]
    assert summarise(told).step == 10
    assert p50.high - p50.low >= 10 and p50.low < p50.value < p50.high


def test_a_latency_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 3 latencies are no numbers"):
        summarise([1.0, float("nan"), 2.0])


def test_nothing_measured_is_an_error_not_a_number() -> None:
    with pytest.raises(ValueError, match="no latencies"):
        summarise([])


@pytest.mark.parametrize(("share", "name"), [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")])
def test_percentiles_have_their_usual_names(share: float, name: str) -> None:
    assert percentile_name(share) == name


def test_a_queue_has_the_interval_that_is_known_of_it_or_none() -> None:
    latencies = np.random.default_rng(5).exponential(size=1_000)
    unknown = summarise(latencies, queued=True)
    for estimate in (unknown.mean, unknown.percentiles[0.5]):
        assert estimate.stands and not estimate.has_interval
        assert estimate.shortage == "no interval: samples of one queue depend on one another"
    known = summarise(latencies, queued=True, spread={0.5: 0.1, "mean": 0.2})
    assert known.percentiles[0.5].high / known.percentiles[0.5].low == pytest.approx(np.exp(0.44))
    assert known.mean.high / known.mean.value == pytest.approx(np.exp(0.44)) and not known.mean.shortage
    assert not known.percentiles[0.99].has_interval
    assert summarise(latencies[:100], queued=True).percentiles[0.99].shortage == "p99 needs 368 samples, have 100"
