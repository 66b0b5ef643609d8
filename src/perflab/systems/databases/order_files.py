"""Files of orders, with the indexes of a profile: each is made when it is first wanted, and kept for the life of the process."""

from __future__ import annotations

import functools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from perflab.measure.guards import check_number
from perflab.systems.databases.duck import open_duckdb
from perflab.systems.databases.order_book import COLUMNS, DUCKDB_MEMORY, DuckBook, SQLiteBook, moduli
from perflab.systems.databases.temporary import fill, kept, quick_connection

FEWEST, ROWS = 1_000, 100_000
"""The most is what profiles are compared with. A file with all indexes has 8 MB, all together 40."""


def sqlite_book(indexes: Sequence[str] = (), durable: bool = True, rows: int = ROWS) -> SQLiteBook:
    """So many orders in SQLite, with an index on each of these columns, or lists of columns ("region, product").

    Raises `BadInput` for a number out of range, OSError (and leaves nothing) where the file cannot be written.
    """
    return SQLiteBook(_sqlite_file(tuple(indexes), _checked(rows)), rows, durable)


def duck_book(rows: int = ROWS) -> DuckBook:
    """The same orders in DuckDB. Raises as `sqlite_book` does."""
    return DuckBook(_kept(f"{_checked(rows)}.duckdb", lambda path: _fill_duckdb(path, rows)), rows)


def _checked(rows: int) -> int:
    return int(check_number("rows", rows, FEWEST, ROWS, whole=True))


def _sqlite_file(indexes: tuple[str, ...], rows: int) -> Path:
    def make(path: Path) -> None:
        if not indexes:
            _fill_sqlite(path, rows)
            return
        shutil.copyfile(_sqlite_file(indexes[:-1], rows), path)
        with closing(quick_connection(path)) as connection:
            connection.execute(f'create index "by {indexes[-1]}" on orders ({indexes[-1]})')

    name = "-".join(each.replace(", ", "+") for each in (str(rows), *indexes))
    return _kept(f"{name}.sqlite", make)


def _fill_sqlite(path: Path, rows: int) -> None:
    columns = ", ".join(f"{name} integer{' primary key' if name == 'id' else ''}" for name in COLUMNS)
    with closing(quick_connection(path)) as connection:
        connection.execute(f"create table orders ({columns})")
        fill(connection, "orders", values(rows), rows)


def _fill_duckdb(path: Path, rows: int) -> None:
    import duckdb

    try:
        with closing(open_duckdb(path, DUCKDB_MEMORY)) as connection:
            connection.execute(f"create table orders ({', '.join(f'{name} bigint' for name in COLUMNS)})")
            connection.execute(f"insert into orders select {values(rows)} from range({rows}) numbers(n)")
    except duckdb.Error as error:
        raise OSError(str(error)) from error


def values(rows: int) -> str:
    """SQL expressions of the columns of the n-th of so many orders, from 0 on."""
    return ", ".join(f"{factor} * n % {modulus}" for factor, modulus in moduli(rows))


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="perflab-profiles-", ignore_cleanup_errors=True)


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """The file of this name; made now if it is not there yet."""
    try:
        return kept(Path(_folder().name) / name, make)
    except (sqlite3.Error, OSError) as error:
        raise OSError(
            f"The file of orders cannot be written ({error}). "
            "Free some space, or set TMPDIR to another folder and restart."
        ) from error
