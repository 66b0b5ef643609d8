"""Counters in a real SQLite file, and in PostgreSQL: each connection goes one way about an increment."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

MAX_COUNTERS = 1_000
TWO, BEGIN, IMMEDIATE, ONE = "two statements", "begin", "begin immediate", "one statement"
SQLITE = (TWO, BEGIN, IMMEDIATE, ONE)
COMMITTED, FOR_UPDATE = "PostgreSQL: read committed", "PostgreSQL: for update"
REPEATABLE, SERIALIZABLE = "PostgreSQL: repeatable read", "PostgreSQL: serializable"
POSTGRESQL = (COMMITTED, FOR_UPDATE, REPEATABLE, SERIALIZABLE)
WAYS = (*SQLITE, *POSTGRESQL)

TABLE = "create table counters (id integer primary key, value integer not null)"
BUSY_S = 5.0
OPTIONS = {"fsync": "off", "synchronous_commit": "off", "autovacuum": "off", "log_min_messages": "fatal"}
"""Of PostgreSQL. Nothing has to outlive the machine: no commit waits for the drive. A refused write is no line in its log."""


class SqliteCounters:
    """One connection, for one thread at a time. It does not wait for the drive at a commit.

    `refusal` is what the last statement raised that was refused as another connection writes, or has written.
    """

    refusal: sqlite3.OperationalError

    def __init__(self, path: Path, way: str) -> None:
        self._begin = {BEGIN: "begin", IMMEDIATE: "begin immediate"}.get(way)
        # A transaction that finds the lock taken says so; a statement alone waits for it.
        timeout_s = 0.0 if self._begin else BUSY_S
        self._connection = sqlite3.connect(path, timeout_s, isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma synchronous = off")

    def start(self, key: int) -> int | None:
        if self._begin and not self._done(self._begin):
            return None
        found: int = self._connection.execute("select value from counters where id = ?", (key,)).fetchall()[0][0]
        return found

    def finish(self, key: int, value: int) -> bool:
        written = self._done("update counters set value = ? where id = ?", (value, key))
        if self._begin is None:
            return written
        if written and self._done("commit"):
            return True
        self._connection.execute("rollback")
        return False

    def add(self, key: int) -> None:
        self._connection.execute("update counters set value = value + 1 where id = ?", (key,))

    def sum(self) -> int:
        """What all counters say."""
        return _sum(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _done(self, statement: str, values: tuple[int, ...] = ()) -> bool:
        """Whether it was not refused as another connection writes, or has written since this one has read."""
        try:
            self._connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # its extended codes have this lower byte
                raise
            self.refusal = error
            return False
        return True


def new_file(path: Path) -> None:
    """Make a file of counters that are all 0, whose readers and writer do not wait for one another (WAL)."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = off")
    connection.execute(TABLE)
    connection.executemany("insert into counters values (?, 0)", ((key,) for key in range(MAX_COUNTERS)))
    connection.close()


class PostgresCounters:
    """One connection, for one thread at a time: `connected` by psycopg, each statement a transaction unless it begins one."""

    def __init__(self, connected: Any, way: str) -> None:
        level = {REPEATABLE: "repeatable read", SERIALIZABLE: "serializable"}.get(way, "read committed")
        self._begin = f"begin isolation level {level}"
        self._read = f"select value from counters where id = %s{' for update' if way == FOR_UPDATE else ''}"
        self._connection = connected

    def start(self, key: int) -> int:
        """Where another client has locked the row, the server lets this one wait."""
        self._connection.execute(self._begin)
        found: int = self._connection.execute(self._read, (key,)).fetchone()[0]
        return found

    def finish(self, key: int, value: int) -> bool:
        from psycopg.errors import SerializationFailure

        try:
            self._connection.execute("update counters set value = %s where id = %s", (value, key))
            self._connection.execute("commit")
        except SerializationFailure:
            self._connection.execute("rollback")
            return False
        return True

    def add(self, key: int) -> None:
        self._connection.execute("update counters set value = value + 1 where id = %s", (key,))

    def sum(self) -> int:
        """What all counters say."""
        return _sum(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def fill(connection: Any) -> None:
    """Make the counters in PostgreSQL: with room in each page, so that an update stays in its page and touches no index."""
    connection.execute(f"{TABLE} with (fillfactor = 20)")
    connection.execute(f"insert into counters select n, 0 from generate_series(0, {MAX_COUNTERS - 1}) n")
    connection.execute("vacuum analyze counters")


def _sum(connection: Any) -> int:
    return int(connection.execute("select sum(value) from counters").fetchone()[0])
