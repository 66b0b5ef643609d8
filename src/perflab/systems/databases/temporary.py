"""Databases in a temporary folder, and tables filled quickly."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar


class Closable(Protocol):
    """What has to be closed."""

    def close(self) -> None: ...


Database = TypeVar("Database", bound=Closable)


@contextmanager
def temporary(name: str, opened: Callable[[Path], Database]) -> Iterator[Database]:
    """What opens a file of this name in a temporary folder; it is closed, and the folder goes away, with the block."""
    with (
        tempfile.TemporaryDirectory(prefix=f"perflab-{name}-", ignore_cleanup_errors=True) as folder,
        closing(opened(Path(folder) / f"{name}.db")) as database,
    ):
        yield database


def kept(path: Path, make: Callable[[Path], None]) -> Path:
    """The file, which `make` writes now if it is not there yet. Nothing is left of one that cannot be written."""
    if not path.exists():
        unfinished = path.with_suffix(".part")
        try:
            make(unfinished)
            unfinished.rename(path)
        finally:
            for left in path.parent.glob(f"{unfinished.name}*"):  # its log, too
                left.unlink(missing_ok=True)
    return path


def quick_connection(path: Path) -> sqlite3.Connection:
    """A connection for filling a new file: without a journal, and without waiting for the disk."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = off")
    connection.execute("pragma synchronous = off")
    return connection


def fill(connection: sqlite3.Connection, table: str, columns: str, rows: int) -> None:
    """Insert so many rows; `columns` are SQL expressions of the row's number `n`, from 0 on."""
    numbers = f"with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n + 1 < {rows})"
    connection.execute(f"{numbers} insert into {table} select {columns} from numbers")
