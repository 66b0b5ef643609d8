"""The claims of notebook 09 on eviction are judged by records, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from eviction_records import evict_record, sizes_record

from perflab.chapters.eviction_and_stampedes.claims import CLAIMS
from perflab.chapters.eviction_and_stampedes.policy_runs import BELADY, IN_LOOP, LRU, SHIFTS
from perflab.lab.record import Record

RANDOM, ONE_BIT, LFU, LARGER, EACH, SAMPLE = CLAIMS


def judged(claim: Any, *records: Record) -> Any:
    found = claim.judge(records)
    return None if found is None else found[0]


def test_lru_against_random() -> None:
    zipf, loop = evict_record(), evict_record(trace=IN_LOOP)
    assert judged(RANDOM, zipf) is True
    assert judged(RANDOM, loop, zipf) is False
    assert judged(RANDOM, evict_record((), policy="LFU")) is None


def test_one_bit_against_lru() -> None:
    assert judged(ONE_BIT, evict_record(("CLOCK",))) is True


def test_lfu_against_the_best() -> None:
    assert judged(LFU, evict_record(("LFU", "optimum"))) is True, "the optimum does not count"
    assert judged(LFU, evict_record(("LFU",)), evict_record(("LFU",), trace=SHIFTS)) is False
    assert judged(LFU, evict_record(())) is None


def test_more_places() -> None:
    assert judged(LARGER, sizes_record(trace=BELADY)) is False
    assert judged(LARGER, sizes_record(trace=BELADY, policy=LRU)) is None
    assert judged(LARGER, sizes_record()) is None


def test_a_run_for_each_size() -> None:
    assert judged(EACH, sizes_record()) is False
    assert judged(EACH, sizes_record(trace=BELADY)) is None


def test_a_sample() -> None:
    assert judged(SAMPLE, sizes_record()) is False
    assert judged(SAMPLE, sizes_record(sample=100)) is None


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.text)
def test_nothing_is_claimed_before_anything_was_measured(claim: Any) -> None:
    assert "Not measured yet" in claim.report([])
