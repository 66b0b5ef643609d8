"""Two connections, step by step: which ways lose an increment, which wait, and which are refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from real_servers import require

from perflab.systems.databases.counters import (
    BEGIN,
    COMMITTED,
    FOR_UPDATE,
    IMMEDIATE,
    MAX_COUNTERS,
    ONE,
    OPTIONS,
    REPEATABLE,
    SERIALIZABLE,
    TWO,
    PostgresCounters,
    SqliteCounters,
    fill,
    new_file,
)
from perflab.systems.servers import cluster as clusters
from perflab.systems.servers.real.postgresql import POSTGRESQL

Open = Callable[[str], Any]


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Open]:
    new_file(tmp_path / "counters.db")
    with ExitStack() as stack:
        yield lambda way: stack.enter_context(closing(SqliteCounters(tmp_path / "counters.db", way)))


def interleaved(opened: Open, way: str) -> tuple[bool, bool, int]:
    """Both read, both write: whether each write was accepted, and the sum."""
    one, other = opened(way), opened(way)
    read, also_read = one.start(0), other.start(0)
    assert read == also_read == 0
    return one.finish(0, read + 1), other.finish(0, also_read + 1), one.sum()


def test_two_statements_lose_an_increment_and_nothing_tells(sqlite: Open) -> None:
    assert interleaved(sqlite, TWO) == (True, True, 1)


def test_a_transaction_that_read_an_old_value_may_not_write_and_is_undone(sqlite: Open) -> None:
    assert interleaved(sqlite, BEGIN) == (True, False, 1)
    again = sqlite(BEGIN)
    assert again.start(0) == 1 and again.finish(0, 2) and again.sum() == 2


def test_sqlite_refuses_whichever_counter_another_one_wrote(sqlite: Open) -> None:
    one, other = sqlite(BEGIN), sqlite(BEGIN)
    one.start(0), other.start(1)
    assert one.finish(0, 1) and not other.finish(1, 1)


def test_who_begins_immediately_has_the_lock_until_it_commits(sqlite: Open) -> None:
    one, other = sqlite(IMMEDIATE), sqlite(IMMEDIATE)
    assert one.start(0) == 0 and other.start(1) is None
    assert one.finish(0, 1) and other.start(0) == 1 and other.finish(0, 2)


def test_one_statement_adds_to_what_is_there(sqlite: Open) -> None:
    one, other = sqlite(ONE), sqlite(ONE)
    one.add(0), other.add(0), one.add(MAX_COUNTERS - 1)
    assert one.sum() == 3


def test_what_is_no_conflict_is_raised(sqlite: Open) -> None:
    one = sqlite(TWO)
    one._connection.execute("drop table counters")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        one.finish(0, 1)


@pytest.fixture
def postgresql() -> Iterator[Open]:
    require(POSTGRESQL)
    with clusters.cluster("counters", fill, OPTIONS) as server, ExitStack() as stack:
        yield lambda way: stack.enter_context(closing(PostgresCounters(clusters.connect(server.folder), way)))


@pytest.mark.process
def test_postgresql_at_each_of_its_levels(postgresql: Open) -> None:
    sums = 0
    for way, accepted in ((COMMITTED, True), (REPEATABLE, False), (SERIALIZABLE, False)):
        one, other = postgresql(way), postgresql(way)
        read, also_read = one.start(0), other.start(0)
        assert one.finish(0, read + 1) and other.finish(0, also_read + 1) == accepted, way
        sums += 1
        assert one.sum() == sums, way
        assert other.start(0) == sums and other.finish(0, sums), (
            "a refused transaction is undone, and another may begin"
        )
    one, other = postgresql(FOR_UPDATE), postgresql(FOR_UPDATE)
    one.start(0)
    assert other.start(1) == 0, "another row is free"
    other._connection.execute("rollback")
    other._connection.execute("set lock_timeout = '50ms'")
    from psycopg.errors import LockNotAvailable

    with pytest.raises(LockNotAvailable):
        other.start(0)
    other._connection.execute("rollback")
    assert one.finish(0, sums + 1)
    one.add(0), other.add(0)
    assert one.sum() == sums + 3
