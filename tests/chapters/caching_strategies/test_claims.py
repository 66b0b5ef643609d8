"""The claims of notebook 08 are judged by records, both ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from caching_records import cache_record, kill_record, stale_record
from predictions import assert_judged_both_ways
from turns import side_by_side

from perflab.chapters.caching_strategies.claims import CLAIMS
from perflab.lab.record import Record
from perflab.systems.caches.races import CHECKED, DELETE_FIRST, THROUGH, WRITE_FIRST
from perflab.systems.caches.strategies import WRITE_BEHIND, WRITE_THROUGH

Runs = Callable[[], list[Record]]


def writing(strategy: str, write_ns: float) -> Record:
    return cache_record(write_ns=write_ns, strategy=strategy)


def without_races(order: str, **changes: Any) -> Record:
    """As if no write had overtaken a fill."""
    run = stale_record(order=order, **changes)
    counts = {**run.frame.counts, "stale": 0, "wrong": 0}
    return replace(run, frame=replace(run.frame, counts=counts))


def short(run: Record) -> Record:
    """As if it had been stopped after a hundred reads."""
    return replace(run, frame=replace(run.frame, counts={**run.frame.counts, "reads": 100}))


@cache
def orders() -> list[Record]:
    """Both orders of the two lines."""
    return [stale_record(order=order) for order in (DELETE_FIRST, WRITE_FIRST)]


CASES: list[tuple[int, Runs, Runs]] = [
    (
        0,
        lambda: [cache_record(100_000, 1, strategy=WRITE_THROUGH)],
        lambda: [cache_record(strategy=WRITE_THROUGH)],
    ),
    (
        1,
        lambda: [writing(WRITE_BEHIND, 1e3), writing(WRITE_THROUGH, 3e6)],
        lambda: [writing(WRITE_BEHIND, 1e6), writing(WRITE_THROUGH, 3e6)],
    ),
    (2, lambda: [kill_record([0, 0, 0, 0])], lambda: [kill_record()]),
    (3, lambda: [without_races(DELETE_FIRST)], lambda: side_by_side(*orders())),
    (
        4,
        lambda: [without_races(THROUGH, writers=8, keys=5)],
        lambda: [stale_record(order=THROUGH, writers=4, keys=5)],
    ),
]
"""Simulated when its test runs: each process of the suite collects this file."""


def test_every_claim_has_cases() -> None:
    assert [place for place, *_ in CASES] == list(range(len(CASES)))


@pytest.mark.parametrize(("place", "holding", "failing"), CASES)
def test_a_claim_is_judged_by_what_was_measured(place: int, holding: Runs, failing: Runs) -> None:
    assert_judged_both_ways(CLAIMS[place], holding(), failing())


@pytest.mark.parametrize(
    ("place", "record"),
    [
        (0, cache_record),
        (0, lambda: cache_record(10, 5, strategy=WRITE_THROUGH)),
        (1, lambda: writing(WRITE_BEHIND, 1e3)),
        (2, lambda: kill_record([5, 9])),
        (2, lambda: kill_record(strategy="write-through")),
        (3, lambda: orders()[1]),
        (3, lambda: stale_record(order=CHECKED)),
        (3, lambda: short(without_races(DELETE_FIRST, keys=100, store=0.5))),
        (4, lambda: without_races(THROUGH, writers=1)),
        (4, lambda: without_races(THROUGH, writers=2, keys=10, store=0.5)),
        (4, lambda: stale_record(order=CHECKED)),
    ],
)
def test_runs_that_cannot_tell_decide_nothing(place: int, record: Callable[[], Record]) -> None:
    assert CLAIMS[place].report([record()]).startswith("·")


def test_the_other_order_is_told_beside_the_stale_reads() -> None:
    assert ", 3.7% when the row was written first." in CLAIMS[3].report(orders())
    assert CLAIMS[3].report(orders()[:1]).endswith("reads were stale.")
