"""Numbers in words: what the learner reads under a chart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perflab.lab.record import Record
from perflab.lab.verdict import (
    INVALID,
    Verdict,
    against_pinned,
    estimate_text,
    latency_table,
    latency_verdict,
    percentile_of,
    percentile_text,
    ratio_in_turns,
    table_of,
    trust_of,
    verdict_of,
)
from perflab.measure.compare import Ratio
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame
from perflab.measure.noise import NoiseLedger
from perflab.measure.summary import summarise


def test_a_percentile_is_said_with_its_interval() -> None:
    p99 = summarise(np.arange(1, 1_001) * 1_000).percentiles[0.99]
    assert percentile_text(p99) == "p99 990 µs [983–997 µs]"
    assert estimate_text(p99) == "990 µs, 983–997 µs"


def test_a_percentile_that_the_samples_do_not_reach_is_not_said_at_all() -> None:
    p99 = summarise(np.arange(1, 121) * 1_000).percentiles[0.99]
    assert percentile_text(p99) == "p99 needs 368 samples, have 120"


def test_one_without_an_interval_is_said_and_why() -> None:
    p99 = Estimate(5e6, name="p99", shortage="its interval needs 1,500 samples, have 90")
    assert percentile_text(p99) == "p99 5.0 ms (its interval needs 1,500 samples, have 90)"
    assert estimate_text(p99) == "5.0 ms, its interval needs 1,500 samples, have 90"


def test_less_than_the_pinned_run_is_said_as_how_many_times_below() -> None:
    assert against_pinned(Ratio(0.5, 0.4, 0.8)) == "2.00× (1.25–2.50) below the pinned run"
    assert (
        against_pinned(Ratio(2.0, 0.0, float("inf"))) == "2.00× (too few samples for an interval) above the pinned run"
    )


def calls(latencies: Any, batch: int = 1) -> Record:
    return Record("any", {}, 1, "", Frame({"latency_ns": np.asarray(latencies, float)}, facts={"batch": batch}))


def test_the_warm_up_is_left_out_of_verdict_and_table_and_said() -> None:
    latencies = np.random.default_rng(1).lognormal(7, 0.1, 10_000)
    settled = latency_verdict(calls(latencies[512:]), None).text
    latencies[:400] *= 5
    said = "The first 512 of 10,000 calls left out: warm-up."
    assert latency_verdict(calls(latencies), None).text == f"{settled} {said}"
    assert ("left out: warm-up", "512") in latency_table(calls(latencies), None)
    assert "warm-up" not in latency_verdict(calls(latencies[512:]), None).text
    assert "512 of 10,000 batches" in latency_verdict(calls(latencies, batch=100), None).text


def test_what_a_coarse_clock_cannot_tell_is_said() -> None:
    generator = np.random.default_rng(1)
    coarse = np.floor(generator.uniform(0, 1_000, 5_000) + generator.lognormal(5, 0.2, 5_000)) // 1_000 * 1_000
    verdict = latency_verdict(calls(coarse), None).text
    assert verdict.startswith("p50 below 1.0 µs, ")
    assert "The clock moves in steps of 1.0 µs, too coarse for calls this short: time them in batches." in verdict
    assert latency_verdict(calls(coarse), calls(coarse)).kind == "", "nothing to compare, and no division by zero"
    assert ("p50", "below 1.0 µs", "below 1.0 µs") in latency_table(calls(coarse), calls(coarse))
    fine = latency_verdict(calls(generator.lognormal(5, 0.2, 5_000)), None).text
    assert "steps" not in fine and "below" not in fine


def test_what_the_system_says_of_its_clock_counts_where_every_call_looks_alike() -> None:
    ledger = NoiseLedger(1.0, 1.0, 1.0, 1.0, 0, 0.0, 0.0, resolution_ns=1_000.0)
    assert "below 1.0 µs" in latency_verdict(replace(calls(np.zeros(1_000)), noise=ledger), None).text


def test_medians_a_step_of_the_clock_apart_are_not_told_apart() -> None:
    generator = np.random.default_rng(1)
    runs = [sliced([(10 * generator.integers(at - 1, at + 2, 200)).tolist() for _ in range(20)]) for at in (12, 13, 30)]
    found = [ratio_in_turns(run, runs[0]) for run in runs[1:]]
    assert [each.verdict for each in found if each is not None] == ["too close to call", "clear"]


def run(latency_ns: float = 1_000.0, **columns: Any) -> Record:
    return Record("any", {}, 1, "", Frame({"latency_ns": np.full(500, latency_ns), **columns}))


EMPTY = Record("any", {}, 1, "", Frame({"latency_ns": np.empty(0)}))


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    return f"It was {pinned.column('latency_ns')[0]:g} ns.", "clear"


def test_a_verdict_is_what_there_is_to_say_of_a_run_and_then_the_comparison_with_its_kind() -> None:
    verdict = verdict_of(lambda record: f"{record.column('latency_ns')[0]:g} ns.", compare=compare)
    assert verdict(run(), None) == Verdict("1000 ns.")
    assert verdict(run(), run(500.0)) == Verdict("1000 ns. It was 500 ns.", "clear")


@pytest.mark.parametrize("pinned", [None, EMPTY, "itself"])
def test_a_run_is_not_compared_with_none_with_an_empty_one_or_with_itself(pinned: Any) -> None:
    record = run()
    verdict = verdict_of(lambda record: "Measured.", compare=compare)
    assert verdict(record, record if pinned == "itself" else pinned) == Verdict("Measured.")


def test_without_a_comparison_the_pinned_run_says_nothing() -> None:
    assert verdict_of(lambda record: "Measured.")(run(), run()) == Verdict("Measured.")


def test_a_whole_verdict_stands_alone() -> None:
    said = Verdict("Half of it is missing.", INVALID)
    assert verdict_of(lambda record: said, compare=compare)(run(), run()) is said


def test_the_first_guard_that_refuses_decides_and_nothing_is_said_of_the_run() -> None:
    def never(record: Record) -> str:
        raise AssertionError("the run was looked at")

    late, full = Verdict("Too late.", INVALID), Verdict("Saturated.")
    verdict = verdict_of(never, lambda record: None, lambda record: late, lambda record: full, compare=compare)
    assert verdict(run(), run()) is late


def test_without_samples_of_what_it_needs_no_guard_is_asked_and_the_run_is_invalid() -> None:
    def never(record: Record) -> Verdict:
        raise AssertionError("an empty run was looked at")

    assert verdict_of(never, never)(EMPTY, None) == Verdict("Nothing was measured.", INVALID)
    other = verdict_of(never, needs="wait_ns", empty="No waits.")
    assert other(run(), None) == Verdict("No waits.", INVALID)
    compared = verdict_of(lambda record: "Waits.", compare=compare, needs="wait_ns")
    assert compared(run(wait_ns=np.ones(3)), run()) == Verdict("Waits.")


def test_the_p50_of_a_column_is_compared_as_a_ratio() -> None:
    text, kind = percentile_of("wait_ns", "The median wait")(of(wait_ns=1), of(wait_ns=4)) or ("", "")
    assert (text, kind) == ("The median wait is 4.00× (4.00–4.00) below the pinned run.", "clear")


def sliced(slices: list[list[float]]) -> Record:
    sizes = {"latency_ns": tuple(map(len, slices))}
    return Record(
        "any", {}, 1, "", Frame({"latency_ns": np.concatenate([np.array(each) for each in slices])}), sizes=sizes
    )


def test_runs_are_compared_by_pairs_of_slices_that_were_measured_in_turns() -> None:
    machine = [1.0, 5.0, 1.0, 3.0, 1.0, 9.0, 1.0, 2.0]  # it is slower now and then, for both
    found = ratio_in_turns(sliced([[200 * slow] for slow in machine]), sliced([[100 * slow] * 3 for slow in machine]))
    assert found == Ratio(2.0, 2.0, 2.0)
    assert found.verdict == "clear"


def test_slices_without_samples_on_one_side_are_left_out_and_few_pairs_have_no_interval() -> None:
    found = ratio_in_turns(sliced([[200], [], [200], [0]]), sliced([[100], [100], [], [100]]))
    assert found is not None and found.value == 2.0 and not found.has_interval
    assert ratio_in_turns(sliced([[200], []]), sliced([[], [100]])) is None
    found = ratio_in_turns(sliced([[1, 2, 30]] * 8), sliced([[1, 2, 10]] * 8), share=0.99)
    assert found is not None and found.value == 3.0


def test_a_pinned_run_that_cannot_be_compared_is_said_instead_of_a_ratio() -> None:
    def saturated(record: Record) -> Verdict | None:
        return Verdict("Saturated.") if record.column("read_ns")[0] > 20 else None

    verdict = verdict_of(lambda _: "Said.", saturated, compare=percentile_of("read_ns", "A read"), needs="read_ns")
    assert verdict(of(read_ns=10), of(read_ns=30)) == Verdict("Said. The pinned run: Saturated.")
    assert verdict(of(read_ns=30), of(read_ns=10)) == Verdict("Saturated.")


ROWS = ("requests", lambda record: str(record.calls)), ("p50", lambda record: f"{record.column('latency_ns')[0]:g} ns")


def test_a_table_has_a_row_for_each_name_and_a_column_for_each_run() -> None:
    assert table_of(*ROWS)(run(), run(500.0)) == [
        ("", "this run, 95% interval", "pinned run"),
        ("requests", "500", "500"),
        ("p50", "1000 ns", "500 ns"),
    ]
    assert table_of(*ROWS)(run(), None) == [("", "this run, 95% interval"), ("requests", "500"), ("p50", "1000 ns")]


def test_a_run_without_samples_has_no_column_and_no_table() -> None:
    assert table_of(*ROWS)(run(), EMPTY)[0] == ("", "this run, 95% interval")
    assert table_of(*ROWS)(EMPTY, None) == []
    assert table_of(*ROWS, needs="wait_ns")(run(), None) == []


def test_the_numbers_of_the_pinned_run_stand_under_its_name_even_where_they_stand_alone() -> None:
    assert table_of(*ROWS)(EMPTY, run(500.0)) == [("", "pinned run"), ("requests", "500"), ("p50", "500 ns")]
    assert trust_of(*ROWS)(EMPTY, run(500.0))[0] == ("", "pinned run")
    pinned = replace(run(500.0), frame=Frame({"latency_ns": np.full(500, 500.0)}, facts={"batch": 1}))
    for rows in (latency_table(EMPTY, pinned), latency_table(run(), pinned)):
        assert all(len(row) == len(rows[0]) for row in rows)
        assert rows[0][-1] == "pinned run"
        assert {row[0]: row[-1] for row in rows}["min to max"] == "500–500 ns"
    assert latency_table(EMPTY, pinned)[0] == ("", "pinned run")


def of(**columns: float) -> Record:
    """A run of ten slices."""
    frame = Frame({name: np.full(100, value) for name, value in columns.items()})
    return Record("any", {}, 1, "", frame, sizes=dict.fromkeys(columns, (10,) * 10))


def test_a_sentence_is_followed_by_the_comparison_where_both_runs_have_what_is_compared() -> None:
    verdict = verdict_of(lambda _: "Said.", compare=percentile_of("read_ns", "A read"), needs="all_ns")
    first, second, without = of(all_ns=1, read_ns=30), of(all_ns=1, read_ns=10), of(all_ns=1)
    assert verdict(first, second).text == "Said. A read is 3.00× (3.00–3.00) above the pinned run."
    assert verdict(first, second).kind == "clear"
    assert verdict(first, without) == verdict(without, first) == verdict(first, None)
    assert verdict(first, first).text == "Said."


def test_a_table_has_a_column_for_each_run_with_samples_under_a_heading() -> None:
    table = table_of(("all", lambda run: f"{run.column('all_ns')[0]:g}"), needs="all_ns", heading="this run")
    assert table(of(all_ns=1), of(all_ns=2)) == [("", "this run", "pinned run"), ("all", "1", "2")]
    assert table(of(all_ns=1), of()) == [("", "this run"), ("all", "1")]
    assert table(of(), None) == []
