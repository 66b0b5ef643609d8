"""The claims about reads through a cache, judged by simulated or made-up runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cached_records import read_record, restart_record
from caching_records import which_record

from perflab.chapters.caching_strategies.read_claims import CLAIMS
from perflab.chapters.caching_strategies.which_cache_model import PAIRS
from perflab.lab import Record
from perflab.systems.process.installed import Installable

HALVES, MEAN, WARM, FASTER = (claim.judge for claim in CLAIMS)


def read(**changes: Any) -> Any:
    return read_record(**{"rate": 150, **changes})


def shrunk(run: Record, times: float) -> Record:
    """As if each read had taken so many times as long."""
    samples = {**run.frame.samples, "latency_ns": times * run.column("latency_ns")}
    return replace(run, frame=replace(run.frame, samples=samples))


def test_half_the_misses_do_not_halve_the_p99_where_hardly_any_miss_waits() -> None:
    found = HALVES([read(capacity=800), read(capacity=900)])
    assert found is not None and not found[0] and "20 ms and 20 ms" in found[1]
    waits = HALVES([read_record(capacity=200), read_record(capacity=600)])
    assert waits is None, "a queue near saturation falls by more, as the model says"
    mild = [read_record(capacity=200), read_record(capacity=600)]
    halved = HALVES([shrunk(read(capacity=800), 1.0), shrunk(read(capacity=900), 0.5)])
    assert halved is not None and halved[0]
    for order in ([*mild, read(capacity=800), read(capacity=900)], [read(capacity=800), read(capacity=900), *mild]):
        assert (HALVES(order) or (True,))[0] is False, "one pair refutes it, in whatever order"
    assert HALVES([read(capacity=800)]) is None
    assert HALVES([read(capacity=900), read(capacity=1_000)]) is None, "then even the p99 hits"
    assert HALVES([read_record(capacity=50), read_record(capacity=500)]) is None, "saturated"


def test_the_formula_without_a_queue_is_wrong_at_a_busy_store_and_not_judged_at_an_idle_one() -> None:
    found = MEAN([read_record(capacity=200)])
    assert found is not None and not found[0] and "the formula says" in found[1]
    assert MEAN([read(capacity=800)]) is None


def test_a_cache_is_not_warm_at_once() -> None:
    found = WARM([restart_record()])
    assert found is not None and not found[0] and "in time again after 2.4 s" in found[1]
    assert WARM([restart_record(cure="both")]) is None and WARM([restart_record(load=1)]) is None
    mild = restart_record(load=2, keys=200)
    assert WARM([mild]) is None, "the model expects no more of it"
    for order in ([mild, restart_record()], [restart_record(), mild]):
        assert WARM(order) == found


def pair(times: float, cache: str = "Redis", store: str = "SQLite", hits: int = 95) -> Any:
    """A run that brings so many times as many reads as without the cache."""
    return which_record(1e5 / times, 1e5, cache=cache, store=store, hits=hits)


def test_one_cache_that_slows_reads_refutes_that_caches_make_them_faster() -> None:
    faster = [pair(10, *names) for names in PAIRS]
    found = FASTER([pair(0.2), *faster[:3], *faster[4:]])
    assert found is not None and not found[0]
    assert found[1].startswith("Redis in front of SQLite, 95% hits: 0.200× (") and "as many reads" in found[1]
    assert FASTER(faster) == (True, "with 80% hits or more, reads were faster for each of the 6 pairs.")


def test_few_hits_no_cache_and_some_of_the_pairs_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installable, "find", lambda _: "/somewhere")
    undecided = [pair(0.5, hits=0), pair(1, "none"), pair(1), pair(10, "dict")]
    assert FASTER(undecided) is None and FASTER([]) is None


def test_where_redis_is_missing_it_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installable, "find", lambda _: None)
    found = FASTER([pair(10, "dict")])
    assert found is not None and found[0] is None and "Redis is not installed, so it is not measured here" in found[1]
    assert FASTER([]) is None


def test_claims_name_labs_that_are_there() -> None:
    assert {claim.lab for claim in CLAIMS} == {"hit_ratio", "restart", "which_cache"}
