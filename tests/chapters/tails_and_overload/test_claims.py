"""The claims of notebook 07 are judged by records, both ways."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from predictions import assert_judged_both_ways
from tail_records import overload_record, page_record, queue_record, storm_record

from perflab.chapters.tails_and_overload.claims import CLAIMS
from perflab.chapters.tails_and_overload.fan_out_model import ALL, CANCELLED
from perflab.chapters.tails_and_overload.overload_model import DROP_LATE
from perflab.chapters.tails_and_overload.storm_model import JITTER, NONE, ONCE
from perflab.lab.record import Record


def flat(load: int, response_ms: float = 2.0, tail_ms: float = 2.0) -> Record:
    """A server whose requests take equally long, but for 1 in 50, at any load."""
    record = queue_record(load)
    times = np.full(record.column("latency_ns").size, response_ms * 1e6)
    times[::50] = tail_ms * 1e6
    columns = {**record.frame.samples, "latency_ns": times}
    return replace(record, frame=replace(record.frame, samples=columns))


def late(record: Record) -> Record:
    columns: dict[str, Any] = {**record.frame.samples, "lateness_ns": np.full(100, 10**8)}
    return replace(record, frame=replace(record.frame, samples=columns))


def lucky(calls: int, pages: int = 1_000) -> Record:
    """Pages, at most so many, of which none is slow."""
    record = page_record(calls=calls)
    due_s = record.column("plain_arrived_s")[: pages * calls]
    columns: dict[str, Any] = {**record.frame.samples, "plain_arrived_s": due_s}
    columns |= {"plain_number": np.arange(due_s.size), "plain_completed_s": due_s + 0.002}
    return replace(record, frame=replace(record.frame, samples=columns))


def copied_at_once() -> Record:
    """As if copies of all late calls had helped busy servers."""
    record = page_record(workers=4, hedges=CANCELLED)
    return replace(record, parameters={**record.parameters, "hedges": ALL})


def all_in_time(record: Record) -> Record:
    """As if each request had been served within its deadline."""
    columns = {**record.frame.samples, "latency_ns": np.full(record.column("number").size, 5e6)}
    return replace(record, frame=replace(record.frame, samples=columns))


def up(record: Record) -> Record:
    """As if each request had been answered."""
    columns = {**record.frame.samples, "number": np.arange(record.column("arrived_s").size)}
    return replace(record, frame=replace(record.frame, samples=columns))


@cache
def cases() -> list[tuple[int, list[Record], list[Record]]]:
    """Of each claim its place, runs by which it holds, and runs by which it does not."""
    return [
        (0, [flat(50), flat(90, 2.5)], [queue_record(50), queue_record(90)]),
        (1, [flat(90, 2, 3)], [flat(90, 2, 30)]),
        (2, [lucky(5)], [page_record(calls=20)]),
        (3, [copied_at_once()], [page_record(workers=4)]),
        (4, [all_in_time(overload_record(discipline=DROP_LATE))], [overload_record(discipline=DROP_LATE)]),
        (5, [up(storm_record(retries=ONCE, load=70))], [storm_record(retries=ONCE, load=70)]),
        (6, [up(storm_record(retries=JITTER))], [storm_record(retries=JITTER)]),
    ]


def test_every_claim_has_cases() -> None:
    assert [place for place, *_ in cases()] == list(range(len(CLAIMS)))


@pytest.mark.parametrize("place", range(len(CLAIMS)))
def test_a_claim_holds_or_not_by_what_was_measured(place: int) -> None:
    assert_judged_both_ways(CLAIMS[place], *cases()[place][1:])


@pytest.mark.parametrize("place", range(len(CLAIMS)))
def test_no_run_or_one_that_tells_nothing_decides_nothing(place: int) -> None:
    assert CLAIMS[place].judge([]) is None
    assert CLAIMS[place].judge([late(record) for record in cases()[place][2]]) is None


def test_copies_that_helped_idle_servers_or_were_cancelled_do_not_speak_for_always() -> None:
    assert CLAIMS[3].judge([page_record()]) is None
    cancelled = page_record(workers=4, hedges=CANCELLED)
    assert CLAIMS[3].judge([cancelled]) is None
    for order in ([page_record(workers=4), cancelled], [cancelled, page_record(workers=4)]):
        assert CLAIMS[3].report(order).startswith("✗")


def test_a_mild_run_speaks_for_nothing() -> None:
    assert CLAIMS[0].judge([queue_record(10), queue_record(30)]) is None, "the wait hardly grows"
    assert CLAIMS[1].judge([flat(10, tail_ms=3)]) is None, "constant services that hardly wait"
    assert CLAIMS[2].judge([lucky(50)]) is not None and CLAIMS[2].judge([lucky(5, pages=20)]) is None


def test_a_storm_that_could_not_have_been_speaks_for_nothing() -> None:
    told: tuple[dict[str, Any], ...] = (
        {"stall": 0.0},
        {"cure": "LIFO"},
        {"retries": NONE},
        {"load": 10},
        {"load": 40, "stall": 0.05},
    )
    assert [CLAIMS[5].judge([storm_record(**changes)]) for changes in told] == [None] * 5
    assert CLAIMS[6].judge([storm_record(retries=JITTER, load=20)]) is None
    assert CLAIMS[4].judge([overload_record(discipline=DROP_LATE, offered=1.0)]) is None
    assert CLAIMS[4].judge([overload_record(discipline="LIFO")]) is None
