"""The summary of a run."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.measure.summary import percentile_name, summarise


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


def test_the_interval_of_the_mean_covers_it_about_as_often_as_promised() -> None:
    generator = np.random.default_rng(3)
    inside = 0
    for _ in range(600):
        mean = summarise(generator.exponential(size=500)).mean
        assert mean.has_interval
        inside += mean.low <= 1 <= mean.high
    assert 0.92 <= inside / 600 <= 0.98


def test_nothing_measured_is_an_error_not_a_number() -> None:
    with pytest.raises(ValueError, match="no latencies"):
        summarise([])


@pytest.mark.parametrize(("share", "name"), [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")])
def test_percentiles_have_their_usual_names(share: float, name: str) -> None:
    assert percentile_name(share) == name


def jams(seed: int, number: int) -> np.ndarray:
    """So many jams of 50 requests each, and nothing else that differs."""
    return np.repeat(np.random.default_rng(seed).lognormal(0, 0.5, number), 50)


def test_latencies_of_a_queue_have_the_wider_intervals_of_samples_that_hang_together() -> None:
    samples = jams(5, 200)
    plain, queued = summarise(samples), summarise(samples, queued=True)
    for estimates in ((plain.percentiles[0.5], queued.percentiles[0.5]), (plain.mean, queued.mean)):
        assert estimates[0].value == estimates[1].value
        (low, high), (lower, higher) = ((each.low, each.high) for each in estimates)
        assert low is not None and high is not None and lower is not None and higher is not None
        assert higher - lower > 2 * (high - low)
    assert summarise(samples[:100], queued=True).percentiles[0.99].shortage == "p99 needs 368 samples, have 100"


def test_twenty_jams_are_too_few_for_an_interval_however_many_requests_stood_in_them() -> None:
    queued = summarise(jams(5, 20), queued=True)
    for name, estimate in {
        "p50": queued.percentiles[0.5],
        "p99": queued.percentiles[0.99],
        "mean": queued.mean,
    }.items():
        needed = 368 if name == "p99" else 50
        assert estimate.stands
        assert not estimate.has_interval
        assert estimate.shortage.startswith(f"its interval needs {needed} independent samples, have about ")
        assert 5 < int(estimate.shortage.split()[-1]) < 50
