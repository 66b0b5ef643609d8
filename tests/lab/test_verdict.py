"""Numbers in words: what the learner reads under a chart."""

from __future__ import annotations

import numpy as np

from perflab.lab.record import Record
from perflab.lab.verdict import against_pinned, estimate_text, p50_of, percentile_text, table_of, verdict_of
from perflab.measure.compare import Ratio, ratio
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame
from perflab.measure.summary import summarise


def test_a_percentile_is_said_with_its_interval() -> None:
    p99 = summarise(np.arange(1, 1_001) * 1_000).percentiles[0.99]
    assert percentile_text(p99) == "p99 990 µs [983–997 µs]"
    assert estimate_text(p99) == "990 µs, 983–997 µs"


def test_a_percentile_that_the_samples_do_not_reach_is_not_said_at_all() -> None:
    p99 = summarise(np.arange(1, 121) * 1_000).percentiles[0.99]
    assert percentile_text(p99) == "p99 needs 368 samples, have 120"


def test_one_without_an_interval_is_said_and_why() -> None:
    p99 = Estimate(5e6, name="p99", shortage="its interval needs 368 independent samples, have about 90")
    assert percentile_text(p99) == "p99 5.0 ms (its interval needs 368 independent samples, have about 90)"
    assert estimate_text(p99) == "5.0 ms, its interval needs 368 independent samples, have about 90"


def test_less_than_the_pinned_run_is_said_as_how_many_times_below() -> None:
    assert against_pinned(Ratio(0.5, 0.4, 0.8)) == "2.00× (1.25–2.50) below the pinned run"
    assert (
        against_pinned(Ratio(2.0, 0.0, float("inf"))) == "2.00× (too few samples for an interval) above the pinned run"
    )


def run(**columns: float) -> Record:
    return Record("any", {}, 1, "", Frame({name: np.full(100, value) for name, value in columns.items()}))


def test_a_sentence_is_followed_by_the_comparison_where_both_runs_have_what_is_compared() -> None:
    verdict = verdict_of(lambda _: "Said.", compare=p50_of("read_ns", "A read", by=ratio), needs="all_ns")
    first, second, without = run(all_ns=1, read_ns=30), run(all_ns=1, read_ns=10), run(all_ns=1)
    assert verdict(first, second).text == "Said. A read is 3.00× (3.00–3.00) above the pinned run."
    assert verdict(first, second).kind == "clear"
    assert verdict(first, without) == verdict(without, first) == verdict(first, None)
    assert verdict(first, first).text == "Said."


def test_a_table_has_a_column_for_each_run_with_samples_under_a_heading() -> None:
    table = table_of(("all", lambda run: f"{run.column('all_ns')[0]:g}"), needs="all_ns", heading="this run")
    assert table(run(all_ns=1), run(all_ns=2)) == [("", "this run", "pinned run"), ("all", "1", "2")]
    assert table(run(all_ns=1), run()) == [("", "this run"), ("all", "1")]
    assert table(run(), None) == []
