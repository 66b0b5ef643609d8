"""Numbers in words: what the learner reads under a chart."""

from __future__ import annotations

import numpy as np

from perflab.lab.record import Record
from perflab.lab.verdict import against_pinned, estimate_text, percentile_text, table_of
from perflab.measure.compare import Ratio
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


def test_a_table_says_this_run_with_its_interval_unless_another_heading_is_given() -> None:
    run = Record("any", {}, 1, "", Frame({"latency_ns": np.ones(3)}))
    rows = (("samples", lambda record: str(record.column("latency_ns").size)),)
    assert table_of(*rows)(run, run) == [("", "this run, 95% interval", "pinned run"), ("samples", "3", "3")]
    assert table_of(*rows, heading="this run")(run, None) == [("", "this run"), ("samples", "3")]
