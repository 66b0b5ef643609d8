"""A table on disk that every request is written to exactly once, by commits that wait for the drive."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from perflab.systems.databases.temporary import temporary
from perflab.systems.databases.write_ahead import grow_log, wait_for_drive


class Ledger:
    """A table of one row per request, at most once each; every commit waits for the drive. Amounts are above 0.

    `commits` counts successful commits.
    """

    def __init__(self, path: Path) -> None:
        self.commits = 0
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        wait_for_drive(self._connection)
        self._connection.execute("create table ledger (number integer primary key, amount integer check (amount > 0))")
        grow_log(self._connection)

    def write(self, rows: Sequence[tuple[int, int]]) -> list[int]:
        """Write (number, amount) rows by one commit; returns the numbers of those that are refused.

        When one is refused, the batch is rolled back and its rows are written one by one: nothing is lost or written twice. Any
        other error (a full disk) is raised; rows of the batch that were written one by one stay.
        """
        try:
            self._commit(rows)
        except sqlite3.IntegrityError:
            return [number for row in rows for number in self.write([row])] if len(rows) > 1 else [rows[0][0]]
        return []

    def count(self) -> int:
        """How many rows there are."""
        found: int = self._connection.execute("select count(*) from ledger").fetchone()[0]
        return found

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _commit(self, rows: Sequence[tuple[int, int]]) -> None:
        with self._connection:
            self._connection.execute("begin immediate")
            self._connection.executemany("insert into ledger values (?, ?)", rows)
        self.commits += 1


def ledger() -> AbstractContextManager[Ledger]:
    """A ledger in a temporary folder, which goes away with the block."""
    return temporary("ledger", Ledger)
