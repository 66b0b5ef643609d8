"""The percentiles lab."""

from __future__ import annotations

import numpy as np
import pytest
from labs import constants_of, measure

from perflab.chapters.measuring_latency import percentiles
from perflab.lab.record import Record
from perflab.measure.frame import Frame

CONSTANTS = {"fast_ns": 1e4, "fast_sigma": 0.05, "row_ns": 60.0, "slow_sigma": 0.1}


def test_the_model_steps_where_the_slow_share_begins() -> None:
    model = percentiles.predict(2, 50, 2_000, CONSTANTS)
    intervals = percentiles.expected_intervals(model)
    assert intervals["p95"].value < 1.3e4
    assert intervals["p99"].value > 4e5
    assert intervals["mean"].value == pytest.approx(1e4 * (0.98 + 0.02 * 50), rel=0.02)


def test_more_samples_narrow_the_expected_interval() -> None:
    few, many = (percentiles.expected_intervals(percentiles.predict(2, 50, n, CONSTANTS)) for n in (500, 20_000))
    assert many["mean"].high - many["mean"].low < few["mean"].high - few["mean"].low
    assert many["p99"].high - many["p99"].low < few["p99"].high - few["p99"].low


def test_the_expected_intervals_hold_for_simulated_runs() -> None:
    model = percentiles.predict(5, 20, 1_000, CONSTANTS)
    expected = percentiles.expected_intervals(model)
    generator = np.random.default_rng(3)
    inside = dict.fromkeys(expected, 0)
    for _ in range(300):
        slow = generator.random(1_000) < 0.05
        latencies = np.where(slow, 2e5 * generator.lognormal(0, 0.1, 1_000), 1e4 * generator.lognormal(0, 0.05, 1_000))
        record = Record("percentiles", {}, 1, "", Frame({"latency_ns": latencies}))
        measured = percentiles.measured_intervals(record)
        for name, interval in expected.items():
            inside[name] += interval.low <= measured[name].value <= interval.high
    assert all(0.9 <= count / 300 <= 1.0 for count in inside.values()), inside


@pytest.mark.clock
def test_slow_calls_really_are_slower_by_about_the_factor() -> None:
    lab = percentiles.lab()
    pace = constants_of(lab)
    assert pace is not None
    latencies = measure(lab, 1.5, slow=50, factor=100, samples=800).samples["latency_ns"]
    slow = np.median(latencies[latencies > 10 * np.quantile(latencies, 0.25)])
    assert 100 / 4 < slow / np.quantile(latencies, 0.25) < 100 * 4


def test_the_prediction_is_settled_by_the_number_that_is_farthest_out() -> None:
    latencies = np.r_[np.full(980, 1e4), np.full(20, 5e5)]
    record = Record("percentiles", {"slow": 2, "factor": 50}, 1, "", Frame({"latency_ns": latencies}))
    assert percentiles.PREDICTION.settle([record]) == "the p99"
    assert percentiles.PREDICTION.settle([]) is None


def test_few_calls_and_other_mixtures_settle_nothing() -> None:
    few, other = Frame({"latency_ns": np.full(300, 1e4)}), Frame({"latency_ns": np.full(900, 1e4)})
    asked = {"slow": 2, "factor": 50}
    records = [Record("percentiles", asked, 1, "", few), Record("percentiles", {**asked, "slow": 1}, 1, "", other)]
    assert percentiles.PREDICTION.settle(records) is None


def test_the_mean_of_the_windows_p99_needs_two_windows() -> None:
    def names(calls: int) -> set[str]:
        latencies = np.linspace(1e4, 2e4, calls)
        return set(percentiles.measured_intervals(Record("percentiles", {}, 1, "", Frame({"latency_ns": latencies}))))

    assert percentiles.MEAN_OF_P99S not in names(199)
    assert set(percentiles.NAMES) <= names(200)
