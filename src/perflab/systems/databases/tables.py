"""One table of whole numbers in several engines: the same rows, the same question, each in its own file or server.

SQLite keeps the values of a row together, and DuckDB those of a column. Both read the file of this process, which is made when it
is first asked for and goes away with the process.
"""

from __future__ import annotations

import functools
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from perflab.measure.guards import check_number
from perflab.measure.units import count
from perflab.systems.databases.duck import open_duckdb
from perflab.systems.databases.temporary import fill, kept, quick_connection

MOST, COLUMNS = 300_000, 19
"""Rows of the table; columns that are summed, beside the number of the row."""
NAMES = tuple(f"c{number}" for number in range(1, COLUMNS + 1))
CREATE = f"create table readings (id integer, {', '.join(f'{name} integer' for name in NAMES)})"
VALUES = ", ".join(f"n * {7_919 + 2 * number} % 1000" for number in range(1, COLUMNS + 1))
"""SQL expressions of the number of the row, `n`, from 0 on; the same in every engine."""
MEMORY = "128MB"
"""The most that DuckDB may take for itself."""


class Table(Protocol):
    """A connection to the table in one engine, for one thread."""

    def sums(self, first: int, rows: int, columns: int) -> tuple[int, ...]:
        """The sum of each of the first so many columns, over so many rows from the row `first` on."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


Open = Callable[[int], Table]
"""A connection to the table of so many rows; makes the table where it is not there yet."""


def question(columns: int, mark: str = "?") -> str:
    """The question in SQL; `mark` is how the engine's driver marks the two values, the first row and the one after the last."""
    sums = ", ".join(f"sum({name})" for name in NAMES[:columns])
    return f"select {sums} from readings where id >= {mark} and id < {mark}"


class Rows:
    """SQLite: a B-tree of rows by their number."""

    def __init__(self, rows: int = MOST) -> None:
        self._connection = sqlite3.connect(_file("SQLite", rows, _make_sqlite), isolation_level=None)

    def sums(self, first: int, rows: int, columns: int) -> tuple[int, ...]:
        """As in `Table`. SQLite's driver keeps the compiled statement of each question."""
        found: tuple[int, ...] = self._connection.execute(question(columns), (first, first + rows)).fetchone()
        return found

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Columns:
    """DuckDB on one thread: columns, compressed, with the least and largest value of each block."""

    def __init__(self, rows: int = MOST) -> None:
        self._connection: Any = open_duckdb(_file("DuckDB", rows, _make_duckdb), MEMORY, read_only=True)

    def sums(self, first: int, rows: int, columns: int) -> tuple[int, ...]:
        """As in `Table`. DuckDB plans each question anew."""
        return tuple(map(int, self._connection.execute(question(columns), (first, first + rows)).fetchone()))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


ENGINES: Mapping[str, Open] = {"SQLite": Rows, "DuckDB": Columns}


@contextmanager
def tables(engines: Mapping[str, Open] = ENGINES, rows: int = MOST) -> Iterator[dict[str, Table]]:
    """A connection to each engine. Raises `BadInput` for rows out of range, OSError where a table cannot be written."""
    checked = int(check_number("rows", rows, 1, MOST, whole=True))
    with ExitStack() as stack:
        yield {name: stack.enter_context(closing(opened(checked))) for name, opened in engines.items()}


def _make_sqlite(path: Path, rows: int) -> None:
    with closing(quick_connection(path)) as connection:
        connection.execute(CREATE.replace("id integer", "id integer primary key"))
        fill(connection, "readings", f"n, {VALUES}", rows)


def _make_duckdb(path: Path, rows: int) -> None:
    with closing(open_duckdb(path, MEMORY)) as connection:
        connection.execute(CREATE)
        connection.execute(f"insert into readings select n, {VALUES} from range({rows}) as numbers(n)")


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="perflab-tables-", ignore_cleanup_errors=True)


def _file(engine: str, rows: int, make: Callable[[Path, int], None]) -> Path:
    """The file with so many rows; made now if it is not there yet. It goes away with this process."""
    try:
        return kept(Path(_folder().name) / f"{rows}.{engine.lower()}", lambda path: make(path, rows))
    except Exception as error:  # each engine has its own kind
        raise OSError(
            f"The table of {count(rows)} rows cannot be written for {engine} ({_first_line(error)}). "
            "Free some space, or set TMPDIR to another folder and restart."
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
