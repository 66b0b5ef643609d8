"""A table of versions: what each key was last written with. Every commit waits for the drive."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from perflab.systems.databases.write_ahead import FULL, OFF, grow_log, wait_for_drive

UPSERT = "on conflict (key) do update set version ="


class StoreGone(RuntimeError):
    """The file of the store is not there any more."""


class Versions:
    """Safe for threads, each of which gets a connection of its own. `wait_s` is added to each access, as if the store were far.

    SQLite has one writer at a time: another one waits for it. Without `durable`, a commit does not wait for the drive.
    """

    def __init__(self, path: Path, wait_s: float = 0.0, durable: bool = True) -> None:
        self.wait_s = wait_s
        self._path, self._synchronous = path, FULL if durable else OFF
        self._own, self._lock = threading.local(), threading.Lock()
        self._opened: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        self._connection().execute("create table entries (key integer primary key, version integer not null)")
        grow_log(self._connection())

    def read(self, key: int) -> int:
        """The version of a key; 0 where it was never written."""
        self._wait()
        found = self._connection().execute("select version from entries where key = ?", (key,)).fetchone()
        return int(found[0]) if found else 0

    def write(self, key: int, version: int) -> None:
        """One commit."""
        self._wait()
        with self._writing:
            self._connection().execute(
                f"insert into entries values (?, ?) {UPSERT} excluded.version", (key, version)
            ).fetchall()

    def write_all(self, versions: Mapping[int, int]) -> None:
        """One commit of all, and one statement: another thread that computes holds it up once, not once a row."""
        self._wait()
        rows = json.dumps(list(versions.items()))
        with self._writing:
            self._connection().execute(
                "insert into entries select json_extract(value, '$[0]'), json_extract(value, '$[1]') "
                f"from json_each(?) where true {UPSERT} excluded.version",
                (rows,),
            ).fetchall()

    def raise_version(self, key: int) -> int:
        """The next version of a key, committed."""
        with self._writing:
            found = (
                self._connection()
                .execute(f"insert into entries values (?, 1) {UPSERT} version + 1 returning version", (key,))
                .fetchall()
            )
        return int(found[0][0])

    def all(self) -> dict[int, int]:
        """The versions of all keys that were written."""
        return dict(self._connection().execute("select key, version from entries").fetchall())

    def close(self) -> None:
        """Close the file, for all threads."""
        with self._lock:
            for connection in self._opened:
                connection.close()

    def _wait(self) -> None:
        if self.wait_s:
            time.sleep(self.wait_s)

    def _connection(self) -> sqlite3.Connection:
        known: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if known is not None:
            return known
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("pragma journal_mode = wal")
        wait_for_drive(connection, self._synchronous)
        self._own.connection = connection
        with self._lock:
            self._opened.append(connection)
        return connection


def stored_in(path: Path) -> dict[int, int]:
    """The versions in a file that another process has left, however it ended; raises `StoreGone` without a file."""
    if not path.exists():
        raise StoreGone("The file of the store is gone: it was removed while the run went on. Measure again.")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return dict(connection.execute("select key, version from entries").fetchall())
