"""The stopwatch lab."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from labs import measure
from predictions import assert_each_comment_fits
from relations import assert_more
from turns import side_by_side

from perflab.chapters.measuring_latency import stopwatch
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge
from perflab.measure.percentiles import percentile

LAB = stopwatch.lab()
CONSTANTS = {"clock_ns": 70.0, "collected_after": 700}
ASKED = LAB.check(stopwatch.PREDICTION.runs[0])


def record(slowest: float, calls: int = 10_000, **parameters: Any) -> Record:
    latencies = np.full(calls, 100.0)
    latencies[-1] = slowest
    given = {**ASKED, **parameters}
    return Record("stopwatch", given, 1, "", Frame({"latency_ns": latencies}, {}, {"batch": given["batch"]}))


OUTCOMES = [(120, "less than ×2"), (300, "×2 to ×10"), (3_000, "×10 to ×100"), (90_000, "more than ×100")]


@pytest.mark.parametrize(("slowest", "expected"), OUTCOMES)
def test_the_prediction_is_settled_by_the_slowest_call_and_each_comment_fits(slowest: float, expected: str) -> None:
    prediction = stopwatch.PREDICTION
    outcome = prediction.outcome([record(slowest)], LAB.check)
    assert outcome is not None and outcome.choice == expected
    assert "against a median of 100 ns" in outcome.measured
    assert_each_comment_fits(prediction, outcome)


def test_all_outcomes_are_tried() -> None:
    assert [choice for _, choice in OUTCOMES] == list(stopwatch.PREDICTION.choices)


@pytest.mark.parametrize(
    "other",
    [{"calls": 500}, {"batch": 10}, {"operation": "SQLite lookup by key"}, {"collector": True}, {"repeats": 20_000}],
)
def test_few_calls_batches_and_other_operations_settle_nothing(other: Any) -> None:
    assert stopwatch.PREDICTION.outcome([record(300, **other)], LAB.check) is None


def test_the_cold_first_calls_are_not_taken_for_the_slowest() -> None:
    run = record(3_000)
    run.frame.samples["latency_ns"][:3] = 80_000
    outcome = stopwatch.PREDICTION.outcome([run], LAB.check)
    assert outcome is not None and outcome.choice == "×10 to ×100"


def test_a_median_below_the_clocks_step_settles_nothing() -> None:
    coarse = Record("stopwatch", ASKED, 1, "", Frame({"latency_ns": np.r_[np.zeros(9_900), np.full(100, 1e3)]}))
    assert stopwatch.PREDICTION.outcome([coarse], LAB.check) is None


def test_a_batch_divides_the_clocks_share() -> None:
    alone = stopwatch.predict("dict lookup", 1_000, 1, False, CONSTANTS)
    batched = stopwatch.predict("dict lookup", 1_000, 100, False, CONSTANTS)
    assert (alone.clock_ns, batched.clock_ns, batched.calls) == (70.0, 0.7, 1_000)


def test_the_first_collection_comes_when_enough_objects_were_made_and_only_where_it_is_on() -> None:
    def first(operation: str = "tree of 11 objects", batch: int = 1, collector: bool = True) -> float | None:
        return stopwatch.predict(operation, 1_000, batch, collector, CONSTANTS).collection

    assert first() == pytest.approx(700 / 22)
    assert first(batch=10) == pytest.approx(70 / 22)
    assert first(collector=False) is first("dict lookup") is None


def test_as_many_collections_as_the_model_says() -> None:
    constants = merge(stopwatch.calibrate()).facts
    expected = stopwatch.predict("tree of 11 objects", 5_000, 1, True, constants).collection
    frame = merge(stopwatch.experiment("tree of 11 objects", 5_000, 1, True))
    assert expected is not None
    assert frame.counts["collections"] == pytest.approx(5_000 / expected, rel=0.2)


def test_the_table_tells_collections_and_what_is_commonly_quoted() -> None:
    frame = Frame({"latency_ns": np.full(100, 5e6)}, {"collections": 30}, {"batch": 1})
    run = Record("stopwatch", {**ASKED, "operation": "SQLite lookup by key"}, 1, "", frame)
    rows = {row[0]: row[1:] for row in stopwatch.table(run, record(300))}
    assert rows["garbage collections"] == ("30", "0")
    assert rows["commonly quoted"][0] == "1.0–10 ms for a simple query; no network is between it and SQLite"
    assert stopwatch.table(Record("stopwatch", ASKED, 1, ""), None) == []


@pytest.mark.parametrize("collector", [True, False])
def test_the_collector_runs_where_it_is_on_and_is_counted(collector: bool) -> None:
    frame = merge(stopwatch.experiment("tree of 11 objects", 2_000, 1, collector))
    assert frame.samples["latency_ns"].size == 2_000
    assert (frame.counts["collections"] > 0) == collector


@pytest.mark.clock
def test_the_collector_makes_the_slowest_calls_slower_and_not_the_median() -> None:
    def times(collector: bool, share: float) -> float:
        run = measure(LAB, 0.5, operation="tree of 11 objects", collector=collector)
        return percentile(run.samples["latency_ns"], share)

    assert_more(lambda: times(True, 0.995), lambda: times(False, 0.995), 2.0, "the collector's share of the tail")


@pytest.mark.clock
def test_batching_takes_the_clock_out_of_a_real_lookup() -> None:
    # A busy machine makes the median of either longer, more of it that of the batches, which take a thousand times as long.
    def undisturbed(**parameters: int) -> float:
        return float(np.quantile(measure(stopwatch.lab(), 0.5, **parameters).samples["latency_ns"], 0.1))

    assert_more(
        lambda: undisturbed(repeats=5_000),
        lambda: undisturbed(repeats=1_000, batch=1_000),
        1.0,
        "a call with the clock",
    )


def test_a_batch_is_never_shown_as_a_percentile_of_single_calls() -> None:
    lab = stopwatch.lab()
    batched = record(300, batch=50)
    assert "p99" not in lab.verdict_of(batched, None).text
    assert "no percentile of single calls" in lab.verdict_of(batched, None).text
    assert not any(row[0] == "p99" for row in lab.table(batched, None))


def test_warm_up_calls_are_marked_and_no_call_is_drawn_twice() -> None:
    slow_start = Record("stopwatch", {}, 1, "", Frame({"latency_ns": np.r_[np.full(8, 900.0), np.full(1_000, 100.0)]}))
    numbers, latencies = stopwatch.warm_up(slow_start)
    assert numbers.tolist() == list(range(1, 9)) and set(latencies) == {900.0}
    numbers, latencies = stopwatch.settled(slow_start)
    assert numbers.tolist() == list(range(9, 1_009)) and set(latencies) == {100.0}


def test_many_calls_are_thinned_evenly_on_the_log_axis_and_the_slowest_are_kept() -> None:
    latencies = np.random.default_rng(1).permutation(np.arange(100.0, 100_100.0))
    numbers, kept = stopwatch.settled(Record("stopwatch", {}, 1, "", Frame({"latency_ns": latencies})))
    assert numbers.size <= stopwatch.MAX_DOTS + stopwatch.SLOWEST
    assert kept.tolist() == latencies[numbers - 1].tolist()
    assert set(np.sort(latencies)[-stopwatch.SLOWEST :]) <= set(kept)
    assert numbers[:10].tolist() == list(range(1, 11)), "the first calls are apart on a log axis"


@pytest.mark.long
def test_the_chart_of_calls_shows_model_run_and_pinned_run_and_can_be_emptied() -> None:
    drawn: list[bytes] = []
    picture = Picture(stopwatch.CHARTS[0], 500, 320, drawn.append)
    picture.draw()
    seen = [drawn[-1]]
    picture.show_run(record(300))
    seen.append(drawn[-1])
    picture.show_pinned(record(300))
    seen.append(drawn[-1])
    assert len(set(seen)) == 3
    for empty in (None, Record("stopwatch", {}, 1, "", Frame())):
        picture.show_pinned(empty)
        picture.show_run(empty)
        assert drawn[-1] == seen[0]
    for operation in ("dict lookup", "function call"):
        picture.show_model({}, stopwatch.predict(operation, 1_000, 1, False, CONSTANTS))
        picture.draw()
        seen.append(drawn[-1])
    assert len(set(seen)) == 5
    band, *_, clock, _, end = picture._panel._marks  # type: ignore[attr-defined]
    assert clock._line.get_ydata() == [70, 70] and end._line.get_xdata() == [1_000, 1_000]
    assert np.isnan(band._patch.get_height()), "nothing is commonly quoted of a function call"


def run(ns: float = 90, slowest_ns: float = 43_000, calls: int = 1_000, **parameters: Any) -> Record:
    """Calls that take about as long, but one."""
    given = LAB.check({"repeats": calls, **parameters})
    latencies = ns * np.random.default_rng(calls).permutation(np.linspace(0.9, 1.1, calls))
    latencies[-1] = slowest_ns
    frame = Frame({"latency_ns": latencies}, {}, {"batch": given["batch"]})
    return side_by_side(Record("stopwatch", given, 1, "", frame))[0]


def test_the_headline_is_the_slowest_call_beside_the_median() -> None:
    assert LAB.found(run(), None) == "Dict lookup: the slowest of 1,000 calls took 43 µs, 478 times the median (90 ns)."
    even = LAB.found(run(slowest_ns=90), None)
    assert even == "Dict lookup: the slowest of 1,000 calls took 99 ns, 1.1 times the median (90 ns)."
    cold = run()
    cold.frame.samples["latency_ns"][:3] = 80_000
    assert "the slowest of 996 warm calls took 43 µs" in LAB.found(cold, None)
    batched = LAB.found(run(31, 62, batch=100), None)
    assert batched == "Dict lookup: a call takes 31 ns (mean) in batches of 100."


def test_where_the_clock_is_too_coarse_the_headline_says_less() -> None:
    steps = np.random.default_rng(1).integers(1, 4, 1_000) * 42.0
    coarse = Record("stopwatch", LAB.check({}), 1, "", Frame({"latency_ns": np.r_[steps, 4_200.0]}))
    assert "about 50 times the median (84 ns)" in LAB.found(coarse, None)
    below = Record("stopwatch", LAB.check({}), 1, "", Frame({"latency_ns": np.r_[np.zeros(900), np.full(100, 1e3)]}))
    for nothing in (below, Record("stopwatch", LAB.check({}), 1, "")):
        assert stopwatch.finding(nothing, None) is None


TREE = "tree of 11 objects"
CHANGED = [
    (
        run(43_000, 4e6, operation="TCP round trip, loopback"),
        "TCP round trip, loopback: 478 times as long as dict lookup (medians 43 µs, 90 ns).",
    ),
    (run(31, 62, batch=100), "Dict lookup: a call takes 90 ns (median) timed alone, 31 ns (mean) in batches of 100."),
    (
        run(calls=5_000, slowest_ns=9e5),
        "Dict lookup: the slowest of 1,000 calls took 43 µs, the slowest of 5,000 calls took 900 µs.",
    ),
    (
        run(91, 2e6, collector=True),
        "Dict lookup: median 91 ns, slowest call 2.0 ms with the garbage collector; 90 ns, 43 µs without.",
    ),
]


@pytest.mark.parametrize(("other", "said"), CHANGED, ids=["operation", "batch", "repeats", "collector"])
def test_beside_a_run_with_one_change_the_headline_is_what_that_did(other: Record, said: str) -> None:
    assert stopwatch.finding(run(), other) == stopwatch.finding(other, run()) == said


def test_beside_a_run_that_cannot_be_compared_the_headline_stands_alone() -> None:
    alone = stopwatch.finding(run(), None)
    two_things = run(batch=10, collector=True)
    for other in (run(), two_things, Record("stopwatch", LAB.check({"batch": 10}), 1, "")):
        assert stopwatch.finding(run(), other) == alone
    batched = run(31, 62, batch=100)
    for change in ({"operation": TREE}, {"collector": True}, {"repeats": 5_000}):
        assert stopwatch.finding(batched, run(60, 120, batch=100, **change)) == stopwatch.finding(batched, None)


@pytest.mark.parametrize("operation", LAB.controls["operation"].values)
def test_the_longest_headline_fits(operation: str) -> None:
    longest = run(999, 9.99e8, 20_000, operation=operation)
    longest.frame.samples["latency_ns"][:3] = 2e9
    other = run(9.99e8, 9.99e8, 20_000, operation="ML inference, 3 layers")
    for pinned in (None, other, run(999, 9.99e8, 20_000, operation=operation, collector=True)):
        assert len(stopwatch.finding(longest, pinned) or "") <= 120
    for batch in (100, 1_000):
        assert (
            len(stopwatch.finding(longest, run(999, 999, operation=operation, repeats=20_000, batch=batch)) or "")
            <= 120
        )


def test_what_is_done_is_said() -> None:
    assert stopwatch.scenario(ASKED) == (
        "Dict lookup: up to 10,000 calls, each timed alone; Python's garbage collector is off."
    )
    assert stopwatch.scenario(LAB.check({"operation": TREE, "batch": 1_000, "collector": True})) == (
        "Tree of 11 objects: up to 10,000 batches of 1,000 calls, each batch timed alone; Python's garbage collector is on."
    )
