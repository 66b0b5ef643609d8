"""A table of people in a real SQLite file, with or without an index on the name."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path

from perflab.measure.guards import check_number
from perflab.systems.databases.temporary import temporary

MAX_ROWS = 1_000_000
FILL = """
with recursive counted(n) as (select 0 union all select n + 1 from counted where n + 1 < :rows)
insert into people select n, 'name' || printf('%07d', (n * :stride) % :rows), n % 90 from counted
"""
STRIDES = (7_919, 104_729, 1)
"""Primes that mix the names; the first that has no factor in common with the number of rows makes every name occur once."""


class PeopleTable:
    """An open table of `rows` people, names in mixed order."""

    def __init__(self, path: Path, rows: int, indexed: bool) -> None:
        self.rows = rows
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("pragma journal_mode = off")
        self._connection.execute("pragma synchronous = off")
        self._connection.execute("create table people (id integer primary key, name text, age integer)")
        self._connection.execute(FILL, {"rows": rows, "stride": _stride(rows)})
        if indexed:
            self._connection.execute("create index by_name on people (name)")
            self._connection.execute("analyze")

    def find(self, name: str) -> tuple[int, str, int]:
        """The person of this name; raises LookupError when there is none."""
        row = self._connection.execute("select id, name, age from people where name = ? limit 1", (name,)).fetchone()
        if row is None:
            raise LookupError(f"there is no person called {name}")
        return row  # type: ignore[no-any-return]

    def find_by_id(self, key: int) -> tuple[int, str, int]:
        """The person with this key; raises LookupError when there is none."""
        row = self._connection.execute("select id, name, age from people where id = ?", (key,)).fetchone()
        if row is None:
            raise LookupError(f"there is no person with the key {key}")
        return row  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def people_table(rows: int, indexed: bool = True) -> AbstractContextManager[PeopleTable]:
    """A table in a temporary folder, which goes away with the block. Raises `BadInput` for rows out of range."""
    checked = int(check_number("rows", rows, 1, MAX_ROWS, whole=True))
    return temporary("people", lambda path: PeopleTable(path, checked, indexed))


def name_of(number: int) -> str:
    """The name with this number; a table of n rows has those of 0 to n − 1."""
    return f"name{number:07d}"


def _stride(rows: int) -> int:
    return next(stride for stride in STRIDES if stride == 1 or rows % stride)
