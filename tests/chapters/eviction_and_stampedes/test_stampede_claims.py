"""What runs say about the claims on stampedes and times to live."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stampede_records import expiry_record, stampede_record

from perflab.chapters.eviction_and_stampedes.expiry_model import ALIGNED, JITTERED
from perflab.chapters.eviction_and_stampedes.stampede_claims import CLAIMS
from perflab.chapters.eviction_and_stampedes.stampede_model import NONE, SINGLE, XFETCH
from perflab.lab import Record
from perflab.lab.claims import Claim

ONCE, EARLY, MEAN_LOAD, JITTER = CLAIMS


def test_without_runs_nothing_is_judged() -> None:
    for claim in CLAIMS:
        assert "Not decided yet" in claim.report([])
    assert ONCE.judge([stampede_record(cure=SINGLE)]) is None and EARLY.judge([stampede_record()]) is None
    assert ONCE.judge([stampede_record(until_s=0.3)]) is None and MEAN_LOAD.judge([expiry_record(until_s=1.0)]) is None


@pytest.mark.parametrize(("claim", "record"), [(ONCE, stampede_record()), (EARLY, stampede_record(cure=XFETCH))])
def test_it_is_computed_more_than_once(claim: object, record: Record) -> None:
    found = claim.judge([record])  # type: ignore[attr-defined]
    assert found is not None and not found[0] and "200 reads/s, 40 ms: " in found[1]


def once(record: Record) -> Record:
    """As if each of five expiries had caused one query."""
    ended = np.arange(1, 6) * 0.5
    columns = {**record.frame.samples, "of_s": ended - 0.04, "decided_s": ended - 0.04, "ended_s": ended}
    return replace(record, frame=replace(record.frame, samples=columns))


@pytest.mark.parametrize(("claim", "cure"), [(ONCE, NONE), (EARLY, XFETCH)])
def test_a_mild_run_says_nothing_and_takes_nothing_back(claim: Claim, cure: str) -> None:
    mild, storm = stampede_record(cure=cure, rate=20, query=5), stampede_record(cure=cure)
    assert claim.judge([mild]) is None
    lucky = once(storm)
    found = claim.judge([lucky])
    assert found is not None and found[0] and "1 queries per expiry, at most 1." in found[1]
    for order in ([mild, storm, lucky], [storm, lucky, mild]):
        assert claim.report(order).startswith("✗")


def test_few_expiries_say_nothing() -> None:
    assert EARLY.judge([stampede_record(cure=XFETCH, ttl=2, rate=400, query=20)]) is None, "1 query for the only one"
    shorter = [expiry_record(ttl=2.0, expiry=each, keys=20) for each in (ALIGNED, JITTERED)]
    assert JITTER.judge(shorter) is None, "many would expire after the run"


def test_the_peak_is_more_than_the_mean() -> None:
    found = MEAN_LOAD.judge([expiry_record()])
    assert found is not None and not found[0] and "at the peak" in found[1]
    assert MEAN_LOAD.judge([expiry_record(expiry=JITTERED)]) is None
    even = expiry_record()
    queries = np.linspace(0, 2.4, even.column("missed_s").size)
    even = replace(even, frame=replace(even.frame, samples={**even.frame.samples, "missed_s": queries}))
    assert MEAN_LOAD.report([even]).startswith("✓")
    for order in ([even, expiry_record()], [expiry_record(), even]):
        assert MEAN_LOAD.report(order).startswith("✗")


def test_where_entries_live_for_a_moment_or_the_store_is_saturated_nothing_is_decided() -> None:
    assert MEAN_LOAD.judge([expiry_record(ttl=0.05, keys=20)]) is None, "no peaks"
    for ttl in (0.05, 0.1):
        assert MEAN_LOAD.judge([expiry_record(ttl=ttl)]) is None, "the store can do no more"
        assert JITTER.judge([expiry_record(ttl=ttl), expiry_record(ttl=ttl, expiry=JITTERED)]) is None


def test_jitter_is_judged_by_two_runs_that_differ_in_nothing_else() -> None:
    found = JITTER.judge([expiry_record(), expiry_record(expiry=JITTERED)])
    assert found is not None and not found[0] and "without and" in found[1]
    assert JITTER.judge([expiry_record(), expiry_record(expiry=JITTERED, ttl=0.2)]) is None
    spared = expiry_record(expiry=JITTERED, seed=2, rate=500)
    spared = replace(spared, parameters={**spared.parameters, "rate": 1_000})
    assert JITTER.report([expiry_record(), spared]).startswith("✓")
    for order in ([spared, expiry_record(expiry=JITTERED)], [expiry_record(expiry=JITTERED), spared]):
        assert JITTER.report([expiry_record(), *order]).startswith("✗")
