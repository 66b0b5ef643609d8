"""The percentiles lab."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labs import constants_of, measure
from turns import side_by_side

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
    inside = dict.fromkeys(set(expected) - {percentiles.SPREAD}, 0)
    for _ in range(300):
        slow = generator.random(1_000) < 0.05
        latencies = np.where(slow, 2e5 * generator.lognormal(0, 0.1, 1_000), 1e4 * generator.lognormal(0, 0.05, 1_000))
        record = Record("percentiles", {}, 1, "", Frame({"latency_ns": latencies}))
        measured = percentiles.measured_intervals(record)
        for name, interval in expected.items():
            if not interval.has_interval:
                continue
            inside[name] += interval.low <= measured[name].value <= interval.high
    assert all(0.9 <= count / 300 <= 1.0 for count in inside.values()), inside


def test_the_standard_deviation_of_a_long_tail_describes_no_call() -> None:
    model = percentiles.predict(2, 50, 2_000, CONSTANTS)
    expected = percentiles.expected_intervals(model)[percentiles.SPREAD].value
    generator = np.random.default_rng(3)
    slow = generator.random(200_000) < 0.02
    latencies = np.where(
        slow, 5e5 * generator.lognormal(0, 0.1, slow.size), 1e4 * generator.lognormal(0, 0.05, slow.size)
    )
    run = Record("percentiles", {}, 1, "", Frame({"latency_ns": latencies}))
    assert percentiles.measured_intervals(run)[percentiles.SPREAD].value == pytest.approx(expected, rel=0.02)
    assert expected == pytest.approx(latencies.mean() + 2 * latencies.std(), rel=0.02)
    assert np.mean(np.abs(latencies - expected) < 0.5 * expected) == 0, "no call took about as long"
    rows = dict(percentiles.table(run, None)[-2:])  # type: ignore[arg-type]
    assert rows["standard deviation"] == "69 µs" and rows["calls within one of the mean"] == "98%"
    assert percentiles.within_one_deviation(generator.normal(0, 1, 100_000)) == pytest.approx(0.683, abs=0.01)


@pytest.mark.clock
def test_slow_calls_really_are_slower_by_about_the_factor() -> None:
    lab = percentiles.lab()
    pace = constants_of(lab)
    assert pace is not None
    latencies = measure(lab, 1.5, slow=50, factor=100, samples=800).samples["latency_ns"]
    slow = np.median(latencies[latencies > 10 * np.quantile(latencies, 0.25)])
    assert 100 / 4 < slow / np.quantile(latencies, 0.25) < 100 * 4


LAB = percentiles.lab()
ASKED = LAB.check(percentiles.PREDICTION.runs[0])


def mixed(calls: int, slow_ones: int, **parameters: Any) -> Record:
    generator = np.random.default_rng(1)
    latencies = generator.permutation(np.r_[np.full(calls - slow_ones, 1e4), np.full(slow_ones, 5e5)])
    latencies *= generator.normal(1, 1e-4, calls)  # not all alike, or a clock would seem to have steps as coarse
    return Record("percentiles", {**ASKED, **parameters}, 1, "", Frame({"latency_ns": latencies}))


def test_the_prediction_is_settled_by_the_number_that_is_farthest_out_and_each_comment_fits() -> None:
    prediction = percentiles.PREDICTION
    outcome = prediction.outcome([mixed(5_000, 100)], LAB.check)
    assert outcome is not None and outcome.choice == "the p99"
    assert outcome.measured == "the p99 is 50 times the median (50–50), the mean 2.0 times, the p95 1.0 times"
    assert {text for text, answer in prediction.choices.items() if answer.reason} == {"the p99"}
    for answer in (None, *prediction.choices):
        comment = prediction.comment(answer, outcome)
        assert outcome.measured in comment and "therefore the p99 is one of the slow calls" in comment


@pytest.mark.parametrize(
    "run",
    [mixed(300, 6), mixed(5_000, 55), mixed(5_000, 400), mixed(5_000, 100, slow=1), mixed(5_000, 100, samples=2_000)],
    ids=["few calls", "hardly enough slow ones", "p95 slow too", "another mixture", "another length"],
)
def test_what_does_not_tell_settles_nothing(run: Record) -> None:
    assert percentiles.PREDICTION.outcome([run], LAB.check) is None
    assert percentiles.PREDICTION.outcome([Record("percentiles", ASKED, 1, "")], LAB.check) is None


def test_the_mean_of_the_windows_p99_needs_two_windows() -> None:
    def names(calls: int) -> set[str]:
        latencies = np.linspace(1e4, 2e4, calls)
        return set(percentiles.measured_intervals(Record("percentiles", {}, 1, "", Frame({"latency_ns": latencies}))))

    assert percentiles.MEAN_OF_P99S not in names(199)
    assert set(percentiles.NAMES) <= names(200)


def test_the_headline_is_how_many_times_the_median_each_number_is_the_highest_first() -> None:
    said = LAB.found(mixed(5_000, 100), None)
    assert said == "The p99 is 50 times the median, the mean 2.0 times, the p95 1.0 times."
    rare = LAB.found(mixed(5_000, 25), None)
    assert rare == "The mean is 1.2 times the median, the p99 1.0 times, the p95 1.0 times.", (
        "1 in 200 is beyond the p99"
    )
    assert LAB.found(mixed(60, 3), None).startswith("The mean is "), "60 calls have neither a p95 nor a p99"
    assert percentiles.finding(Record("percentiles", ASKED, 1, ""), None) is None
    unseen = Record("percentiles", ASKED, 1, "", Frame({"latency_ns": np.r_[np.zeros(90), np.full(10, 1e6)]}))
    assert percentiles.finding(unseen, None) is None


def test_beside_another_mixture_the_headline_is_what_became_of_p99_and_mean() -> None:
    now, then = mixed(5_000, 100), mixed(5_000, 25, slow=0.5)
    said = "With 2% slow calls, the p99 and the mean are 50 and 2.0 times the median; with 0.5%, 1.0 and 1.2."
    assert LAB.found(*side_by_side(now, then)) == percentiles.finding(now, then) == said
    said = percentiles.finding(now, mixed(5_000, 100, factor=200))
    assert said is not None and said.startswith("With slow calls 50 times as long, the p99 and the mean are 50 and 2.0")
    assert said.endswith("; with 200 times, 50 and 2.0.") and len(said) <= 120
    few = percentiles.finding(mixed(60, 3, slow=5), mixed(60, 1))
    assert few is not None and few.startswith("With 5% slow calls, the mean is 3.4 times the median; with 2%, 1.8")
    for other in (now, mixed(5_000, 100, slow=1, factor=20), Record("percentiles", {**ASKED, "slow": 1}, 1, "")):
        assert percentiles.finding(now, other) == percentiles.finding(now, None)


def test_beside_another_number_of_calls_the_headline_is_the_interval_of_the_p99() -> None:
    many, few = mixed(20_000, 250, samples=20_000), mixed(2_000, 21, samples=2_000)
    said = percentiles.finding(many, few)
    assert said == percentiles.finding(few, many)
    assert said == "95% interval of the p99: 10–500 µs from 2,000 calls, 500–500 µs from 20,000 calls."
    hardly = percentiles.finding(many, mixed(300, 6, samples=300))
    assert hardly == "95% interval of the p99: no upper end from 300 calls, 500–500 µs from 20,000 calls."


def test_what_is_done_is_said() -> None:
    assert percentiles.scenario(ASKED) == (
        "5,000 look-ups in a SQLite file; 2% of them, at random, take 50 times as long."
    )
    assert percentiles.scenario({**ASKED, "slow": 0}) == "5,000 look-ups in a SQLite file, none of them slow."
