"""The claims of notebook 09 on eviction are judged by records, both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from eviction_records import evict_record, sizes_record

from perflab.chapters.eviction_and_stampedes import policy_runs as runs
from perflab.chapters.eviction_and_stampedes.all_sizes_model import HASHES
from perflab.chapters.eviction_and_stampedes.claims import CLAIMS
from perflab.chapters.eviction_and_stampedes.policy_runs import BELADY, IN_LOOP, LRU, NAMES, SHIFTS
from perflab.lab.record import Record

RANDOM, ONE_BIT, LFU, LARGER, EACH, SAMPLE = CLAIMS


def judged(claim: Any, *records: Record) -> Any:
    found = claim.judge(records)
    return None if found is None else found[0]


def test_lru_against_random() -> None:
    zipf, loop = evict_record(), evict_record(trace=IN_LOOP)
    for order in ([zipf, loop], [loop, zipf]):
        assert judged(RANDOM, *order) is False
    assert judged(RANDOM, zipf) is None, "a trace that suits LRU"
    assert judged(RANDOM, evict_record(trace=IN_LOOP, capacity=5_000)) is None, "all keys fit"
    assert judged(RANDOM, evict_record((), policy="LFU")) is None


def test_one_bit_against_lru() -> None:
    good, alike = evict_record(("CLOCK", "FIFO")), evict_record(("CLOCK", "FIFO"), skew=0.0)
    assert judged(ONE_BIT, good) is True and judged(ONE_BIT, good, alike) is True
    assert judged(ONE_BIT, alike) is None, "all keys are alike"
    bad = swapped(evict_record(("CLOCK", "FIFO")))
    for order in ([good, bad], [bad, good]):
        assert judged(ONE_BIT, *order) is False


def swapped(record: Record) -> Record:
    """As if CLOCK had been FIFO, and FIFO CLOCK."""
    clock, fifo = map(NAMES.index, ("CLOCK", "FIFO"))
    names = {clock: fifo, fifo: clock}
    policy = np.array([names.get(int(each), int(each)) for each in record.column("policy")])
    return replace(record, frame=replace(record.frame, samples={**record.frame.samples, "policy": policy}))


def test_lfu_against_the_best() -> None:
    good, shifts = evict_record(("LFU", "optimum")), evict_record(("LFU",), trace=SHIFTS)
    assert judged(LFU, good) is None, "the optimum does not count, and a trace that suits LFU says nothing"
    for order in ([good, shifts], [shifts, good]):
        assert judged(LFU, *order) is False
    assert judged(LFU, evict_record(())) is None


def test_more_places() -> None:
    assert judged(LARGER, sizes_record(trace=BELADY)) is False
    assert judged(LARGER, sizes_record(trace=BELADY, policy=LRU)) is None
    assert judged(LARGER, sizes_record()) is None


def test_a_run_for_each_size() -> None:
    quick = sizes_record()
    slow = replace(quick, frame=replace(quick.frame, samples={**quick.frame.samples, "pass_ns": np.full(3, 1e11)}))
    assert judged(EACH, quick) is False and judged(EACH, slow) is True
    assert judged(EACH, quick, slow) is judged(EACH, slow, quick) is False
    assert judged(EACH, sizes_record(trace=BELADY)) is None


def test_a_sample() -> None:
    assert judged(SAMPLE, sizes_record()) is False
    assert judged(SAMPLE, sizes_record(sample=100)) is None
    exact = sizes_record()
    columns = {**exact.frame.samples, "raw": np.tile(runs.lru_curve(exact)[1], HASHES)}
    right = replace(exact, frame=replace(exact.frame, samples=columns))
    assert judged(SAMPLE, right) is True
    assert judged(SAMPLE, replace(right, parameters={**right.parameters, "trace": IN_LOOP})) is None
    for order in ([right, sizes_record()], [sizes_record(), right]):
        assert judged(SAMPLE, *order) is False


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.text)
def test_nothing_is_claimed_before_anything_was_measured(claim: Any) -> None:
    assert "Not decided yet" in claim.report([])
