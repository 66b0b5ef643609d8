"""What runs say about the claims on stampedes and times to live."""

from __future__ import annotations

import pytest
from stampede_records import expiry_record, stampede_record

from perflab.chapters.eviction_and_stampedes.expiry_model import JITTERED
from perflab.chapters.eviction_and_stampedes.stampede_claims import CLAIMS
from perflab.chapters.eviction_and_stampedes.stampede_model import SINGLE, XFETCH
from perflab.lab import Record

ONCE, EARLY, MEAN_LOAD, JITTER = CLAIMS


def test_without_runs_nothing_is_judged() -> None:
    for claim in CLAIMS:
        assert "Not measured yet" in claim.report([])
    assert ONCE.judge([stampede_record(cure=SINGLE)]) is None and EARLY.judge([stampede_record()]) is None
    assert ONCE.judge([stampede_record(until_s=0.3)]) is None and MEAN_LOAD.judge([expiry_record(until_s=1.0)]) is None


@pytest.mark.parametrize(("claim", "record"), [(ONCE, stampede_record()), (EARLY, stampede_record(cure=XFETCH))])
def test_it_is_computed_more_than_once(claim: object, record: Record) -> None:
    found = claim.judge([record])  # type: ignore[attr-defined]
    assert found is not None and not found[0] and "200 reads/s, 40 ms: " in found[1]


def test_where_hardly_anything_reads_it_is_computed_once() -> None:
    found = ONCE.judge([stampede_record(rate=20, query=5)])
    assert found is not None and found[0]


def test_the_peak_is_more_than_the_mean() -> None:
    found = MEAN_LOAD.judge([expiry_record()])
    assert found is not None and not found[0] and "at the peak" in found[1]
    assert MEAN_LOAD.judge([expiry_record(expiry=JITTERED)]) is None
    short = MEAN_LOAD.judge([expiry_record(ttl=0.05)])
    assert short is not None and short[0], "where entries live for a moment there are no peaks"


def test_jitter_is_judged_by_two_runs_that_differ_in_nothing_else() -> None:
    found = JITTER.judge([expiry_record(), expiry_record(expiry=JITTERED)])
    assert found is not None and not found[0] and "without and" in found[1]
    assert JITTER.judge([expiry_record(), expiry_record(expiry=JITTERED, ttl=0.2)]) is None
