"""The claims of notebook 02 are judged from records."""

from __future__ import annotations

from typing import Any

import numpy as np
from predictions import assert_judged_both_ways

from perflab.chapters.measuring_latency import claims
from perflab.lab.claims import Claim
from perflab.lab.record import Record
from perflab.measure.frame import Frame

BY_START = {claim.text.split()[1]: claim for claim in claims.CLAIMS}


def record(latency_ns: float, calls: int = 1_000, **parameters: Any) -> Record:
    given = {"operation": "dict lookup", "repeats": 1_000, "batch": 1, **parameters}
    return Record("stopwatch", given, 1, "", Frame({"latency_ns": np.full(calls, latency_ns)}))


def columns(**samples: Any) -> Frame:
    return Frame({name: np.asarray(values) for name, values in samples.items()})


def test_claims_wait_for_their_measurement() -> None:
    assert len(claims.CLAIMS) == 7
    for claim in claims.CLAIMS:
        assert "Not decided yet" in claim.report([])


def test_memory_and_sleep() -> None:
    memory, sleep = claims.CLAIMS[:2]
    report = memory.report([record(100.0)])
    assert "Holds here: median 100 ns of 1,000 look-ups, 1,000 times less than 0.1 ms" in report
    assert "Does not hold" in memory.report([record(5e6)])
    assert "less than a step of the clock" in memory.report([record(0.0)])
    assert "Holds" in sleep.report([record(1.1e6, operation="sleep 1 ms")])
    assert "Does not hold" in sleep.report([record(0.9e6, operation="sleep 1 ms")])


def test_quoted_ranges_are_judged_by_the_operation_itself() -> None:
    found: list[tuple[Claim, str]] = list(
        zip(
            claims.CLAIMS[2:5],
            ("500 linear equations", "ML inference, 3 layers", "image blur, 1 megapixel"),
            strict=True,
        )
    )
    for claim, operation in found:
        assert "Not decided yet" in claim.report([record(50e6)]), "another operation"
        assert "Not decided yet" in claim.report([record(50e6, operation=operation, calls=3)]), "too few"
        assert "Does not hold here: median 1.0 µs of 1,000 calls" in claim.report([record(1e3, operation=operation)])
        within = 50e6 if "inference" in operation else 200e6
        assert "Holds here" in claim.report([record(within, operation=operation)])


def test_one_run_refutes_what_is_said_of_an_operation() -> None:
    sleep = [record(1.1e6, operation="sleep 1 ms"), record(0.9e6, operation="sleep 1 ms")]
    assert_judged_both_ways(claims.CLAIMS[1], sleep[:1], sleep[1:])
    assert_judged_both_ways(claims.CLAIMS[0], [record(100.0)], [record(5e6)])
    quoted = [record(50e6, operation="ML inference, 3 layers"), record(1e3, operation="ML inference, 3 layers")]
    assert_judged_both_ways(claims.CLAIMS[3], quoted[:1], quoted[1:])
    assert claims.CLAIMS[0].judge([record(1.0, calls=0)]) is None
    assert claims.CLAIMS[1].judge([record(1.0, calls=0, operation="sleep 1 ms")]) is None


def percentiles(slow: float, **changes: Any) -> Record:
    """A run of 2,000 calls, of which so many percent are a hundred times as slow."""
    generator = np.random.default_rng(1)
    mixed = np.where(generator.random(2_000) < slow / 100, 1e6, 1e4) * generator.lognormal(0, 0.05, 2_000)
    chosen = {"slow": slow, "factor": 100, "samples": 2_000, **changes}
    return Record("percentiles", chosen, 1, "", columns(latency_ns=mixed))


def test_averages_are_shown_to_differ_by_one_run() -> None:
    averages = claims.CLAIMS[5]
    assert "Holds here: p99" in averages.report([percentiles(0.3)])
    assert averages.judge([percentiles(0)]) is None, "where all calls are alike they agree, and that tells nothing"
    calls = np.where(np.arange(2_000) % 50 < 2, 1e6, 1e4)
    agree = Record("percentiles", {**claims.SURELY_APART}, 1, "", columns(latency_ns=calls))
    assert_judged_both_ways(averages, [percentiles(0.3)], [agree], decisive="✓")


def loops_of(open_ns: Any, closed_ns: Any, **changes: Any) -> Record:
    chosen = {"rate": 400, "stall": 100, "every": 400, **changes}
    frame = columns(open_ns=open_ns, closed_ns=closed_ns)
    return Record("coordinated_omission", chosen, 1, "", frame)


def test_a_closed_loop_hides_a_stall() -> None:
    loops = claims.CLAIMS[6]
    stalled, seen = np.r_[np.full(800, 1e6), np.full(200, 9e7)], np.r_[np.full(900, 1e6), np.full(100, 9e7)]
    assert_judged_both_ways(loops, [loops_of(stalled, np.full(1_000, 1e6))], [loops_of(stalled, seen)])
    assert loops.judge([loops_of(np.full(50, 9e7), np.full(50, 1e6))]) is None, "too few"
    assert loops.judge([loops_of(stalled, seen, rate=50, every=300)]) is None, "few requests between the stalls"
