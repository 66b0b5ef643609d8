"""Sessions: pin, save, reset, predictions, and what learners read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perflab.lab.record import Record
from perflab.lab.verdict import NOISY, Verdict, judged, latency_table, latency_verdict
from perflab.measure.compare import CLEAR
from perflab.measure.frame import Frame
from perflab.measure.noise import NoiseLedger

LOUD = NoiseLedger(1e6, 3e6, 1.0, 1.0, 0, 0.0, 0.0, 1.0)


def record(median: float = 1_000.0, count: int = 2_000, **changes: Any) -> Record:
    latencies = np.random.default_rng(1).lognormal(np.log(median), 0.2, count)
    parts: dict[str, Any] = {
        "lab": "query",
        "parameters": {"rows": 10, "indexed": np.bool_(True)},
        "seed": 7,
        "started": "2026-01-02T03:04:05.678901+00:00",
        "frame": Frame({"latency_ns": latencies}, {"calls": count, "failures": 2}, {"batch": 1}),
        "status": "complete",
    }
    return Record(**{**parts, **changes})


def test_the_verdict_carries_percentiles_interval_and_sample_size() -> None:
    text = latency_verdict(record(), None).text
    assert text.startswith("p50 995 ns, p99 1.6 µs [1.5–1.7 µs]")
    assert text.endswith("of 2,000 calls.")


def test_the_verdict_compares_with_the_pinned_run_slice_by_slice() -> None:
    quick, slow = (record(median, sizes={"latency_ns": (100,) * 20}) for median in (1_000.0, 5_000.0))
    slower = latency_verdict(slow, quick)
    assert "5.00× (" in slower.text and "above the pinned run" in slower.text
    assert slower.kind == CLEAR
    assert "below the pinned run" in latency_verdict(quick, slow).text


@pytest.mark.parametrize(
    ("value_ns", "said"),
    [
        (5_000.0, "× (too few samples for an interval) above"),
        (200.0, "× (too few samples for an interval) below"),
    ],
)
def test_a_single_sample_is_no_clear_difference(value_ns: float, said: str) -> None:
    verdict = latency_verdict(record(value_ns, count=1), record(1_000.0))
    assert said in verdict.text
    assert verdict.kind == "too close to call"


def test_a_run_is_not_compared_with_itself() -> None:
    same = record()
    assert "pinned" not in latency_verdict(same, same).text


def test_too_few_samples_are_told_in_the_verdict() -> None:
    assert "p99 needs 368 samples, have 100" in latency_verdict(record(count=100), None).text


def test_nothing_measured_is_invalid() -> None:
    assert latency_verdict(record(frame=Frame()), None).kind == "invalid"
    assert latency_table(record(frame=Frame()), None) == []


def test_noise_takes_the_place_of_clear() -> None:
    assert judged(Verdict("Twice as fast.", CLEAR), record(noise=LOUD)).kind == NOISY
    assert str(judged(Verdict("Twice as fast.", CLEAR), record())) == "Twice as fast. Clear."


def test_the_table_has_a_heading_and_the_failures() -> None:
    rows = latency_table(record(), record(2_000.0))
    assert rows[0] == ("", "this run, 95% interval", "pinned run")
    assert ("failures", "2", "2") in rows
