"""The exercises of notebook 10: every right way is accepted, and what is wrong is said in a sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from real_servers import require

from perflab.chapters.databases import exercises, lost_updates
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.systems.databases.counters import ONE
from perflab.systems.process.installed import Installable
from perflab.systems.servers.real.postgresql import POSTGRESQL

Clock = Callable[[], float]


def said(capsys: pytest.CaptureFixture[str], check: Callable[..., Any], *answer: Any) -> str:
    check(*answer)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "Not done yet. Write one of"),
        ("the writer waits for readers", "Right"),
        ("The writer waits for readers!", "Right"),
        ("the drive is slow", "Not yet: no commit waits for the drive"),
        ("the CPU is busy", "Not yet: the report computes as much"),
        ("the row is locked", "Not yet: the report reads"),
        ("yes", "none of"),
        (7, "none of"),
    ],
)
def test_why_a_writer_waits(capsys: pytest.CaptureFixture[str], answer: Any, told: str) -> None:
    assert told in said(capsys, exercises.check_why, answer)


def test_the_evidence_has_a_line_for_each_journal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        exercises,
        "write_times_ns",
        lambda journal, scanned, seconds: [145_000_000 if scanned and journal != "wal" else 90_000],
    )
    assert said(capsys, exercises.writers).splitlines() == [
        "rollback journal: a write takes 90 µs alone, 145 ms while a report reads (medians)",
        "WAL:              a write takes 90 µs alone, 90 µs while a report reads (medians)",
    ]


@pytest.mark.process
@pytest.mark.parametrize("is_here", [True, False])
def test_dirty_reads_are_tried_in_each_database(
    is_here: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_here:
        require(POSTGRESQL)
    else:
        monkeypatch.setattr(Installable, "find", lambda _: None)
    monkeypatch.setattr(exercises, "in_sqlite", lambda shared: int(shared))
    alone, shared, last = said(capsys, exercises.dirty_reads).splitlines()
    assert alone == "SQLite:                           read uncommitted finds 0, nothing dirty"
    assert shared == "SQLite, both on one shared cache: read uncommitted finds 1, a value that was never committed"
    there = "PostgreSQL:                       read uncommitted finds 0, nothing dirty"
    assert last == there if is_here else last.startswith("PostgreSQL is not installed")


def benchmark(synchronous: str = "full", journal: str = "wal", commits: int = 20, factor: float = 1.0) -> Any:
    """The exercise's own, with these settings."""

    def commits_per_s(connection: sqlite3.Connection, clock: Clock) -> float:
        connection.execute(f"pragma journal_mode = {journal}")
        connection.execute(f"pragma synchronous = {synchronous}")
        connection.execute(exercises.TABLE)
        began = clock()
        for amount in range(commits):
            connection.execute("insert into orders (amount) values (?)", (amount,))
        return factor * commits / (clock() - began)

    return commits_per_s


def without_pragmas(connection: sqlite3.Connection, clock: Clock) -> float:
    """SQLite's own settings are durable."""
    connection.execute(exercises.TABLE)
    cursor, began = connection.cursor(), clock()
    for _ in range(20):
        cursor.execute("begin")
        cursor.execute(exercises.INSERT)
        cursor.execute("commit")
    return 20 / (clock() - began)


def one_transaction(connection: sqlite3.Connection, clock: Clock) -> float:
    connection.execute(exercises.TABLE)
    began = clock()
    connection.execute("begin")
    for _ in range(200):
        connection.execute(exercises.INSERT)
    connection.execute("commit")
    return 200 / (clock() - began)


def never_committed(connection: sqlite3.Connection, clock: Clock) -> float:
    benchmark()(connection, clock)
    connection.execute("begin")
    connection.execute(exercises.INSERT)
    return 1.0


def set_at_the_end(connection: sqlite3.Connection, clock: Clock) -> float:
    found = benchmark("off")(connection, clock)
    connection.execute("pragma synchronous = full")
    return float(found)


@pytest.fixture
def no_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercises, "worth", lambda: "It was worth 10×.")


@pytest.mark.process
@pytest.mark.usefixtures("no_worth")
@pytest.mark.parametrize(
    "mended", [benchmark(), benchmark("extra"), benchmark("2"), benchmark(journal="delete"), without_pragmas]
)
def test_commits_that_wait_for_the_drive_are_right(capsys: pytest.CaptureFixture[str], mended: Any) -> None:
    told = said(capsys, exercises.check_the_lie, mended)
    assert told == "Right: each commit waits until it is on the drive. It was worth 10×.\n"


@pytest.mark.process
@pytest.mark.usefixtures("no_worth")
@pytest.mark.parametrize(
    ("flawed", "because"),
    [
        (benchmark("off"), "Synchronous is off"),
        (benchmark("normal"), "Synchronous is normal"),
        (benchmark(journal="memory"), "Journal_mode is memory"),
        (benchmark(journal="off"), "Journal_mode is off"),
        (benchmark(factor=3.0), "20 commits were made in"),
        (benchmark(factor=0.001), "Is each insert a commit"),
        (benchmark(commits=0), "Nothing was committed"),
        (one_transaction, "1 commits were made in"),
        (never_committed, "still open"),
        (set_at_the_end, "comes after the first insert"),
        (lambda connection, clock: "many", "Nothing was committed"),
        (lambda connection, clock: benchmark()(connection, clock) and None, "returns None"),
        (lambda connection, clock: benchmark()(connection, clock) * float("nan"), "yours says"),
        (lambda connection, clock: connection.execute("insert"), "OperationalError"),
        (lambda connection: 1.0, "TypeError"),
        (7, "no function"),
        (None, "no function"),
    ],
)
def test_what_is_still_wrong_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str], flawed: Any, because: str
) -> None:
    told = said(capsys, exercises.check_the_lie, flawed)
    assert told.startswith("Not") and because in told and told.count("\n") == 1


@pytest.mark.process
def test_what_the_lie_was_worth_is_measured_now() -> None:
    told = exercises.worth()
    assert told.startswith("On this machine the lie was worth ") and "durable commits per second." in told


def added(lost: int, calls: int = 1_000, **changes: Any) -> Record:
    frame = Frame({"per_s": np.array([500.0])}, {"calls": calls, "lost": lost, "retries": 0})
    return Record("lost_updates", lost_updates.lab().check(changes), 1, "", frame, 2.0, "complete")


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (None, "Not done yet"),
        (added(29, counters=100), "Right: 2.9% of 1,000 increments are lost"),
        (added(700), "Not yet: 70% of 1,000"),
        (added(0, clients=1), "Not yet: `clients` should be 4"),
        (added(29, counters=100, think=0.5), "Not yet: `think` should be 5.0"),
        (added(0, way=ONE), "Not yet: `way` should be 'two statements'"),
        (added(1, calls=40, counters=1_000), "Not yet: 40 increments are too few"),
        (0.02, "0.02 is no run"),
    ],
)
def test_few_lost(capsys: pytest.CaptureFixture[str], run: Any, told: str) -> None:
    assert told in said(capsys, exercises.check_few_lost, run)
