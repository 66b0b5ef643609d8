"""Does a reader see what another connection has written and not committed? At the weakest level, "read uncommitted"."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from perflab.systems.databases.counters import new_file

LEVEL = "begin isolation level read uncommitted"
"""How a transaction of it begins in PostgreSQL; a connection to SQLite is set to it."""


def seen_uncommitted(writer: Any, reader: Any, begin: str = "begin") -> int:
    """What the reader finds in a counter that is 0, while the writer has set it to 1; the writer then takes that back."""
    writer.execute("begin")
    writer.execute("update counters set value = 1 where id = 0")
    reader.execute(begin)
    found = int(reader.execute("select value from counters where id = 0").fetchone()[0])
    reader.execute("rollback")
    writer.execute("rollback")
    return found


def in_sqlite(shared: bool) -> int:
    """The same on a file of SQLite's, where both connections have one cache between them, or each its own."""
    with tempfile.TemporaryDirectory(prefix="perflab-dirty-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "counters.db"
        new_file(path)
        address = f"{path.as_uri()}?cache={'shared' if shared else 'private'}"

        def opened() -> sqlite3.Connection:
            return sqlite3.connect(address, isolation_level=None, uri=True)

        with closing(opened()) as writer, closing(opened()) as reader:
            reader.execute("pragma read_uncommitted = on")
            return seen_uncommitted(writer, reader)
