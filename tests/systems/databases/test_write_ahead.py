"""A log of full size: nothing else has changed, and it grows no more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns

import pytest
from relations import two_of_three

from perflab.systems.databases.ledger import Ledger
from perflab.systems.databases.write_ahead import FULL, NORMAL, OFF, grow_log, wait_for_drive

COMMITS = 1_200
"""More than what fills a log once."""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "any.db", isolation_level=None)) as opened:
        opened.execute("pragma journal_mode = wal")
        opened.execute("create table rows (number integer primary key)")
        yield opened


def log_bytes(folder: Path) -> int:
    return (folder / "any.db-wal").stat().st_size


def test_the_log_has_the_size_at_which_it_begins_anew_and_keeps_it(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    assert log_bytes(tmp_path) < 50_000
    grow_log(connection)
    grown = log_bytes(tmp_path)
    assert grown > 1_000 * 4_096
    connection.execute("pragma synchronous = off")
    for number in range(COMMITS):
        connection.execute("insert into rows values (?)", (number,))
    assert log_bytes(tmp_path) == grown


def test_the_database_is_as_it_was(connection: sqlite3.Connection) -> None:
    connection.execute("insert into rows values (7)")
    connection.execute("pragma user_version = 3")
    what = ("cache_size", "page_count", "user_version")
    before = [connection.execute(f"pragma {each}").fetchone() for each in what]
    grow_log(connection)
    assert [connection.execute(f"pragma {each}").fetchone() for each in what] == before
    assert connection.execute("select * from rows").fetchall() == [(7,)]
    assert connection.execute("select name from sqlite_schema").fetchall() == [("rows",)]
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",) and not connection.in_transaction


@pytest.mark.parametrize(("synchronous", "number"), [(FULL, 2), (NORMAL, 1), (OFF, 0)])
def test_waiting_for_the_drive_is_a_real_flush_on_macos_too(
    connection: sqlite3.Connection, synchronous: str, number: int
) -> None:
    wait_for_drive(connection, synchronous)
    assert [connection.execute(f"pragma {each}").fetchone() for each in ("synchronous", "fullfsync")] == [
        (number,),
        (1,),
    ]


def test_where_it_cannot_grow_that_is_said_and_nothing_is_left_open(connection: sqlite3.Connection) -> None:
    connection.execute("pragma max_page_count = 20")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        grow_log(connection)
    assert not connection.in_transaction
    connection.execute("insert into rows values (1)")


@pytest.mark.clock
def test_the_first_commit_does_not_wait_for_the_whole_log() -> None:
    """It took ten times as long as the others, before the log was on the drive."""

    def took_ns(ledger: Ledger, number: int) -> int:
        began = perf_counter_ns()
        ledger.write([(number, 1)])
        return perf_counter_ns() - began

    def ratio() -> float:
        """The quickest of five new files, and of all others: what else this machine does only adds to a commit."""
        firsts, others = [], []
        for _ in range(5):
            with TemporaryDirectory() as folder, closing(Ledger(Path(folder) / "any.db")) as ledger:
                first, *following = (took_ns(ledger, number) for number in range(10))
                firsts.append(first)
                others += following
        return min(firsts) / min(others)

    two_of_three(ratio, lambda times: times < 4, "the first commit, beside the following")
