"""The claims of notebook 08 are judged by records, both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest
from caching_records import cache_record, kill_record, stale_record
from predictions import assert_judged_both_ways
from turns import side_by_side

from perflab.chapters.caching_strategies.claims import CLAIMS
from perflab.lab.record import Record
from perflab.systems.caches.races import CHECKED, DELETE_FIRST, THROUGH, WRITE_FIRST
from perflab.systems.caches.strategies import WRITE_BEHIND, WRITE_THROUGH


def writing(strategy: str, write_ns: float) -> Record:
    return cache_record(write_ns=write_ns, strategy=strategy)


def swapped(runs: list[Record]) -> list[Record]:
    """As if each had been measured with the other's order."""
    return [replace(run, parameters=other.parameters) for run, other in zip(runs, reversed(runs), strict=True)]


ORDERS = [stale_record(order=order) for order in (DELETE_FIRST, WRITE_FIRST)]
CASES = [
    (0, [cache_record(100_000, 1, strategy=WRITE_THROUGH)], [cache_record(strategy=WRITE_THROUGH)]),
    (
        1,
        [writing(WRITE_BEHIND, 1e3), writing(WRITE_THROUGH, 3e6)],
        [writing(WRITE_BEHIND, 1e6), writing(WRITE_THROUGH, 3e6)],
    ),
    (2, [kill_record([0, 0, 0, 0])], [kill_record()]),
    (3, side_by_side(*swapped(ORDERS)), side_by_side(*ORDERS)),
    (
        4,
        [replace(stale_record(order=CHECKED), parameters=stale_record(order=THROUGH).parameters)],
        [stale_record(order=THROUGH, writers=4, keys=5)],
    ),
]


def test_every_claim_has_cases() -> None:
    assert [place for place, *_ in CASES] == list(range(len(CASES)))


@pytest.mark.parametrize(("place", "holding", "failing"), CASES)
def test_a_claim_is_judged_by_what_was_measured(place: int, holding: list[Record], failing: list[Record]) -> None:
    assert_judged_both_ways(CLAIMS[place], holding, failing)


@pytest.mark.parametrize(
    ("place", "record"),
    [
        (0, cache_record()),
        (0, cache_record(10, 5, strategy=WRITE_THROUGH)),
        (1, writing(WRITE_BEHIND, 1e3)),
        (2, kill_record([5, 9])),
        (2, kill_record(strategy="write-through")),
        (3, ORDERS[0]),
        (4, stale_record(order=THROUGH, writers=1)),
        (4, stale_record(order=THROUGH, keys=100)),
    ],
)
def test_runs_that_cannot_tell_decide_nothing(place: int, record: Record) -> None:
    assert CLAIMS[place].report([record]).startswith("·")
