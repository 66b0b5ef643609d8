"""The claims of notebook 02 are judged from records."""

from __future__ import annotations

from typing import Any

import numpy as np

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


def test_averages_and_loops() -> None:
    averages, loops = claims.CLAIMS[5:]
    generator = np.random.default_rng(1)
    mixed = np.where(generator.random(2_000) < 0.003, 1e6, 1e4) * generator.lognormal(0, 0.05, 2_000)
    assert "Holds here: p99" in averages.report([Record("percentiles", {}, 1, "", columns(latency_ns=mixed))])
    stalled = columns(open_ns=np.r_[np.full(800, 1e6), np.full(200, 9e7)], closed_ns=np.full(1_000, 1e6))
    assert "Holds" in loops.report([Record("coordinated_omission", {"stall": 100}, 1, "", stalled)])
    few = columns(open_ns=np.full(50, 9e7), closed_ns=np.full(50, 1e6))
    assert "Not decided yet" in loops.report([Record("coordinated_omission", {"stall": 100}, 1, "", few)])
