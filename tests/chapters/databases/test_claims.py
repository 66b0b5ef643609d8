"""The claims of notebook 10 are judged by records, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from predictions import assert_judged_both_ways
from profile_runs import run as profile_run
from turns import side_by_side

from perflab.chapters.databases import connections, lost_updates, rows_or_columns, winners
from perflab.chapters.databases.claims import CLAIMS
from perflab.chapters.databases.connections_model import ONE_PER_S, PER_S, RESPONSE
from perflab.chapters.databases.profiles_model import PROFILES
from perflab.chapters.databases.rows_or_columns_model import BY_COLUMN, BY_ROW, column_of
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.systems.databases.counters import IMMEDIATE, TWO
from perflab.systems.databases.order_work import LOAD, WORKS
from perflab.systems.servers.query_kinds import COMMITS, COMPUTES, WAITS

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


def added(lost: int, way: str = TWO, clients: int = 4, calls: int = 1_000) -> Record:
    frame = Frame({"per_s": np.array([500.0])}, {"calls": calls, "lost": lost, "retries": 0})
    return record(lost_updates, "lost_updates", frame, way=way, clients=clients)


CASES = [
    (0, [sums(1e6, 1e5)], [sums(1e4, 1e6)]),
    (2, both(8.0, 2.0), both(2.0, 8.0)),
    (3, [added(0)], [added(700)]),
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
        (3, [added(9, calls=20)]),
    ],
)
def test_runs_that_cannot_tell_decide_nothing(place: int, runs: list[Record]) -> None:
    assert CLAIMS[place].report(runs).startswith("·"), CLAIMS[place].report(runs)


def advice(*works: str, advised: float = 1.0) -> str:
    """The report where the advised profile takes so long, and the others 2 ms."""
    runs = []
    for work in works:
        times = dict.fromkeys(PROFILES, 2.0) | {winners.advised(work): advised}
        runs.append(profile_run(work, times=times))
    return CLAIMS[1].report(runs)


def test_the_advice_is_refuted_by_one_work_and_holds_only_for_all_of_them() -> None:
    assert advice(*WORKS).startswith("✓") and advice(*WORKS[1:]).startswith("·") and advice().startswith("·")
    assert advice(LOAD, advised=9.0).startswith("✗")
    assert f"the work “{LOAD}” it names balanced" in advice(LOAD, advised=9.0)
