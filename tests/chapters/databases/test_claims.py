"""The claims of notebook 10 are judged by records, both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from predictions import assert_judged_both_ways
from profile_runs import run as profile_run
from turns import side_by_side

from perflab.chapters.databases import connections, lost_updates, rows_or_columns, winners
from perflab.chapters.databases.claims import CLAIMS
from perflab.chapters.databases.connections_model import ONE_PER_S, PER_S, RESPONSE
from perflab.chapters.databases.profiles_model import OLAP, OLTP, PROFILES
from perflab.chapters.databases.rows_or_columns_model import BY_COLUMN, BY_ROW, MANY, column_of, constant
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.databases.counters import COMMITTED, IMMEDIATE, TWO
from perflab.systems.databases.order_work import LOAD, ORDER, REPORT, WORKS
from perflab.systems.databases.tables import COLUMNS, MOST
from perflab.systems.process.installed import Installable
from perflab.systems.servers.query_kinds import COMMITS, COMPUTES, WAITS

CORNERS = {
    **{constant(BY_ROW, rows, columns): 3e3 + 100 * rows for rows in (1, MANY[BY_ROW]) for columns in (1, COLUMNS)},
    **{constant(BY_COLUMN, rows, columns): 3e5 + rows for rows in (1, MANY[BY_COLUMN]) for columns in (1, COLUMNS)},
    constant(BY_COLUMN, MOST, 1): 6e5,
}
"""ns: the engines cross at some 3,000 rows."""
SCATTER = np.linspace(0.99, 1.01, 12)


def record(lab: Any, name: str, frame: Frame, **changes: Any) -> Record:
    return Record(name, lab.lab().check(changes), 1, "", frame, 2.0, "complete")


def sums(by_row: float, by_column: float) -> Record:
    times = {column_of(BY_ROW): by_row * SCATTER, column_of(BY_COLUMN): by_column * SCATTER}
    return record(rows_or_columns, "rows_or_columns", Frame(times, {"calls": 24}), rows=1)


def queries(kind: str, times: float, number: int = 32) -> Record:
    samples = {PER_S: 100 * times * SCATTER, ONE_PER_S: np.full(12, 100.0), RESPONSE: np.full(12, 1e6)}
    return record(connections, "connections", Frame(samples, {"calls": 12}), kind=kind, connections=number)


def both(reports: float, commits: float) -> list[Record]:
    return side_by_side(queries(COMPUTES, reports), queries(COMMITS, commits))


def added(lost: int, way: str = TWO, calls: int = 1_000, **changes: Any) -> Record:
    frame = Frame({"per_s": np.array([500.0])}, {"calls": calls, "lost": lost, "retries": 0})
    run = record(lost_updates, "lost_updates", frame, **changes)
    return replace(run, parameters={**run.parameters, "way": way})  # PostgreSQL may be missing


CASES = [
    (0, [sums(1e6, 1e5)], [sums(1e4, 1e6)]),
    (2, both(8.0, 2.0), both(2.0, 8.0)),
    (3, [added(0)], [added(9, calls=20)]),
    (4, [profile_run(ORDER)], [profile_run(ORDER, times={OLTP: 0.2})]),
    (5, [queries(COMMITS, 20.0, 8)], [queries(COMMITS, 5.0, 64), queries(COMMITS, 200.0, 32)]),
    (6, [added(0, COMMITTED)], [added(1, COMMITTED)]),
    (7, [profile_run(REPORT, times={OLAP: 500.0})], [profile_run(REPORT)]),
    (8, [profile_run(REPORT)], [profile_run(REPORT, times={OLAP: 3_000.0})]),
]


@pytest.mark.parametrize(("place", "holding", "failing"), CASES)
def test_a_claim_is_judged_by_what_was_measured(place: int, holding: list[Record], failing: list[Record]) -> None:
    assert_judged_both_ways(CLAIMS[place], holding, failing)


@pytest.mark.parametrize(
    ("place", "runs"),
    [
        (0, [sums(1e6, 1.005e6)]),
        (2, both(2.0, 2.0)),
        (2, [queries(COMMITS, 8.0)]),
        (2, side_by_side(queries(WAITS, 2.0), queries(COMMITS, 8.0))),
        (2, side_by_side(queries(COMPUTES, 2.0, 4), queries(COMMITS, 8.0, 4))),
        (3, [added(0, way=IMMEDIATE)]),
        (3, [added(0, clients=1)]),
        (3, [added(0, calls=10)]),
        (3, [added(0, clients=2, counters=1_000)]),
    ],
)
def test_runs_that_cannot_tell_decide_nothing(place: int, runs: list[Record]) -> None:
    assert CLAIMS[place].report(runs).startswith("·"), CLAIMS[place].report(runs)


def test_every_claim_is_tested_both_ways() -> None:
    assert {1, *(place for place, *_ in CASES)} == {*range(len(CLAIMS))}


def advice(*works: str, advised: float = 1.0) -> str:
    """The report where the advised profile takes so long, and the others 2 ms."""
    runs = []
    for work in works:
        times = dict.fromkeys(PROFILES, 2.0) | {winners.advised(work): advised}
        runs.append(profile_run(work, times=times))
    return CLAIMS[1].report(runs)


def test_a_setting_that_suits_the_claim_says_nothing_and_takes_nothing_back() -> None:
    suits = replace(sums(1e8, 1e6), parameters=rows_or_columns.lab().check({"rows": MOST}), constants=CORNERS)
    one_row = replace(sums(1e4, 1e6), constants=CORNERS)
    assert CLAIMS[0].report([suits]).startswith("·")
    for order in ([one_row, suits], [suits, one_row]):
        assert CLAIMS[0].report(order).startswith("✗")
    rare = added(0, clients=2, counters=1_000)
    for order in ([added(740), rare], [rare, added(740)]):
        assert "740 of 1,000 acknowledged increments were lost (74%)" in CLAIMS[3].report(order)


def test_too_few_transactions_count_only_where_as_many_connections_as_possible_have_tried() -> None:
    few, most = queries(COMMITS, 5.0, 8), queries(COMMITS, 5.0, 64)
    assert CLAIMS[5].report([few]).startswith("·") and CLAIMS[5].report([few, most]).startswith("✗")
    for order in ([queries(COMMITS, 20.0, 32), most], [most, queries(COMMITS, 20.0, 32)]):
        assert CLAIMS[5].report(order).endswith("at most 2,000 durable commits/s, with 32 connections.")


def test_where_postgresql_is_missing_read_committed_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installable, "find", lambda _: None)
    assert CLAIMS[6].report([]).startswith("–") and CLAIMS[6].report([added(3, COMMITTED)]).startswith("✗")


def test_the_advice_is_refuted_by_one_work_and_holds_only_for_all_of_them() -> None:
    assert advice(*WORKS).startswith("✓") and advice(*WORKS[1:]).startswith("·") and advice().startswith("·")
    assert advice(LOAD, advised=9.0).startswith("✗")
    assert f"the work “{LOAD}” it names balanced" in advice(LOAD, advised=9.0)
    right, wrong = ({**dict.fromkeys(PROFILES, 2.0), winners.advised(LOAD): each} for each in (1.0, 9.0))
    for order in ([right, wrong], [wrong, right]):
        assert CLAIMS[1].report([profile_run(LOAD, times=times) for times in order]).startswith("✗")
