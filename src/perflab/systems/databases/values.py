"""A table of texts by number, of which one is read at a time: in a real SQLite file, and in a store that is some way off."""

from __future__ import annotations

import functools
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from perflab.systems.databases.temporary import fill, kept, quick_connection

ROWS, LETTERS = 20_000, 100
CREATE = "create table texts (id integer primary key, value text)"
FIND = "select value from texts where id = {}"
WAIT_S = 0.002
"""The way to the slow store and back."""


def text_of(key: int) -> str:
    """The value of a row."""
    return f"value {key:0{LETTERS - len('value ')}}"


class SqliteTexts:
    """The table in the file at this path; its statement is compiled once. One thread."""

    def __init__(self, path: Path | str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._find = FIND.format("?")

    def read(self, key: int) -> str:
        """The value of the row of this number, from 0 on."""
        value: str = self._connection.execute(self._find, (key,)).fetchone()[0]
        return value

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class SlowTexts:
    """The same table, with a way to it and back. `sleep` takes seconds."""

    def __init__(self, path: Path | str, sleep: Callable[[float], object] = time.sleep) -> None:
        self._texts, self._sleep = SqliteTexts(path), sleep

    def read(self, key: int) -> str:
        """As that of `SqliteTexts`."""
        self._sleep(WAIT_S)
        return self._texts.read(key)

    def close(self) -> None:
        """Close the file."""
        self._texts.close()


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="perflab-texts-", ignore_cleanup_errors=True)


def file_of_texts() -> Path:
    """The file, which is made when it is first asked for; it goes away with this process."""
    try:
        return kept(Path(_folder().name) / "texts.db", _make)
    except (sqlite3.Error, OSError) as error:
        raise OSError(
            f"The file of texts cannot be written ({error}). Free some space, or set TMPDIR to another folder and restart."
        ) from error


def _make(path: Path) -> None:
    with closing(quick_connection(path)) as connection:
        connection.execute(CREATE)
        digits = LETTERS - len("value ")
        fill(connection, "texts", f"n, 'value ' || printf('%0{digits}d', n)", ROWS)
        connection.execute("pragma journal_mode = wal")  # as in a service: a read takes no lock of the file
