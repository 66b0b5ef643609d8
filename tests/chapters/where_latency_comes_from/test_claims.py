"""The claims of notebook 03 are judged by records, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from predictions import assert_judged_both_ways

from perflab.chapters.where_latency_comes_from import query
from perflab.chapters.where_latency_comes_from.claims import CLAIMS
from perflab.chapters.where_latency_comes_from.make_it_fast_model import START, STEPS
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.operations.rungs import DISK_READ, LOOPBACK, YOURS


def record(lab: str, samples: Mapping[str, Any], **parameters: Any) -> Record:
    frame = Frame({name: np.asarray(v) for name, v in samples.items()}, facts={"elapsed_s": 2.0})
    return Record(lab, parameters, 1, "", frame, 1.0, "complete")


def rungs(name: str, value_ns: float, ssd: bool = True) -> Record:
    of = record("ladder", {f"{name}_ns": np.full(50, value_ns)}, part="all", working_set=10_000_000)
    return replace(of, frame=replace(of.frame, facts={"is SSD": ssd}))


def looked_up(value_ns: float, **changes: Any) -> Record:
    asked = {"rows": 1_000, "index": True, "connection": query.POOLED, "fetch": query.ONE_ROW, **changes}
    return record("query", {"latency_ns": np.full(50, value_ns)}, **asked)


def reads(hit_share: float, ttl: float = 1.0) -> Record:
    samples = {
        "hit": np.arange(200) < 200 * hit_share,
        "latency_ns": np.full(200, 1e6),
    }
    return record("api_cache", samples, ttl=ttl, keys=10, database=5, rate=100)


def steps(**factors: tuple[float, float]) -> Record:
    """Columns of 400 requests: 2% of them slow; each step divides the usual and the slow ones by its factors."""
    usual, slow = 8e6, 3e7
    noise = np.random.default_rng(1).lognormal(0, 0.01, 400)
    samples = {}
    for label, (by_usual, by_slow) in {
        START: (1, 1),
        **{STEPS[k]: v for k, v in factors.items()},
    }.items():
        usual, slow = usual / by_usual, slow / by_slow
        samples[f"{label}_ns"] = np.where(np.arange(400) % 50 == 0, slow, usual) * noise
    return record("make_it_fast", samples)


CASES = [
    (0, rungs(YOURS, 90.0), rungs(YOURS, 2e5)),
    (2, rungs(DISK_READ, 2e5), rungs(DISK_READ, 2e4)),
    (3, looked_up(2e6), looked_up(1e4)),
    (4, reads(0.87), reads(0.4)),
    (5, steps(pooled=(0.9, 1.0)), steps(pooled=(1.3, 1.0))),
    (6, steps(cache=(4.0, 4.0)), steps(cache=(4.0, 1.0))),
]


NOT_HERE = 1


def test_what_a_loopback_or_an_unknown_drive_cannot_tell_is_not_measured_here() -> None:
    for number, run in ((NOT_HERE, rungs(LOOPBACK, 5e4)), (2, rungs(DISK_READ, 2e5, ssd=False))):
        report = CLAIMS[number].report([run])
        assert report.startswith("–") and "Not measured here: " in report


def test_a_p99_of_too_few_requests_decides_nothing() -> None:
    few = steps(cache=(4.0, 4.0))
    samples = {name: values[:141] for name, values in few.frame.samples.items()}
    assert CLAIMS[6].judge([replace(few, frame=replace(few.frame, samples=samples))]) is None


@pytest.mark.parametrize(("number", "for_it", "against_it"), CASES)
def test_a_claim_holds_or_does_not_by_what_was_measured(number: int, for_it: Record, against_it: Record) -> None:
    assert_judged_both_ways(CLAIMS[number], [for_it], [against_it])


def test_every_claim_is_tested_and_open_until_its_lab_was_used() -> None:
    assert sorted([NOT_HERE, *(number for number, *_ in CASES)]) == list(range(len(CLAIMS)))
    assert all("Not decided yet" in claim.report([]) for claim in CLAIMS)


@pytest.mark.parametrize(
    ("number", "irrelevant"),
    [
        (3, looked_up(1e4, index=False)),
        (4, reads(0.5, ttl=0)),
        (5, steps(cache=(2, 2))),
        (6, steps(index=(2, 2))),
        (4, reads(0.76)),
        (5, steps(pooled=(1.0, 1.0))),
        (6, steps(cache=(1.0, 1.0))),
    ],
)
def test_runs_that_do_not_decide_a_claim_leave_it_open(number: int, irrelevant: Record) -> None:
    assert CLAIMS[number].judge([irrelevant]) is None
