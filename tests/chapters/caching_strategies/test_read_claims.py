"""The claims about reads through a cache, judged by simulated runs."""

from __future__ import annotations

from typing import Any

from cached_records import read_record, restart_record

from perflab.chapters.caching_strategies.read_claims import CLAIMS

HALVES, MEAN, WARM = (claim.judge for claim in CLAIMS)


def read(**changes: Any) -> Any:
    return read_record(**{"rate": 150, **changes})


def test_half_the_misses_do_not_halve_the_p99_where_hardly_any_miss_waits() -> None:
    found = HALVES([read(capacity=800), read(capacity=900)])
    assert found is not None and not found[0] and "20 ms and 20 ms" in found[1]
    waits = HALVES([read_record(capacity=200), read_record(capacity=600)])
    assert waits is None or waits[0], "a queue near saturation falls by more"
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


def test_claims_name_labs_that_are_there() -> None:
    assert {claim.lab for claim in CLAIMS} == {"hit_ratio", "restart"}
