"""The stopwatch lab."""

from __future__ import annotations

import numpy as np
import pytest
from labs import measure

from perflab.chapters.measuring_latency import stopwatch
from perflab.lab.record import Record
from perflab.measure.frame import Frame


def record(slowest: float, batch: int = 1, calls: int = 10_000) -> Record:
    latencies = np.full(calls, 100.0)
    latencies[-1] = slowest
    return Record("stopwatch", {"batch": batch}, 1, "", Frame({"latency_ns": latencies}, {}, {"batch": batch}))


@pytest.mark.parametrize(
    ("slowest", "outcome"), [(120, "about the same"), (300, "×2"), (1_000, "×10"), (90_000, "×100 or more")]
)
def test_the_prediction_is_settled_by_the_slowest_call(slowest: float, outcome: str) -> None:
    assert stopwatch.slowest_over_median([record(slowest)]) == outcome


def test_few_calls_or_batches_settle_nothing() -> None:
    assert stopwatch.slowest_over_median([record(300, calls=500), record(300, batch=10)]) is None


def test_a_batch_divides_the_clocks_share() -> None:
    alone = stopwatch.predict("dict lookup", 1_000, 1, {"clock_ns": 70.0})
    batched = stopwatch.predict("dict lookup", 1_000, 100, {"clock_ns": 70.0})
    assert (alone.clock_ns, batched.clock_ns, batched.calls) == (70.0, 0.7, 1_000)


def test_every_operation_has_what_is_commonly_quoted_of_it() -> None:
    assert set(stopwatch.QUOTED_NS) == set(stopwatch.OPERATIONS)


def test_batching_takes_the_clock_out_of_a_real_lookup() -> None:
    lab = stopwatch.lab()
    alone = np.median(measure(lab, 0.5, repeats=5_000).samples["latency_ns"])
    batched = np.median(measure(lab, 0.5, repeats=1_000, batch=1_000).samples["latency_ns"])
    assert batched < alone


def test_a_batch_is_never_shown_as_a_percentile_of_single_calls() -> None:
    lab = stopwatch.lab()
    batched = record(300, batch=50)
    assert "p99" not in lab.verdict_of(batched, None).text
    assert "no percentile of single calls" in lab.verdict_of(batched, None).text
    assert not any(row[0] == "p99" for row in lab.table_of(batched, None))
