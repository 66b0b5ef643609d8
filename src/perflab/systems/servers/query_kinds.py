"""Four kinds of queries that many connections send at once: to SQLite, and what is common to all databases."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Protocol

from perflab.measure.collector import gc_paused
from perflab.systems.databases.closed_loop import Queried, query_for
from perflab.systems.databases.ledger import Ledger
from perflab.systems.databases.report import Reports, create
from perflab.systems.databases.write_ahead import grow_log, wait_for_drive
from perflab.systems.databases.writing_threads import write_for
from perflab.systems.servers.fair_pool import FairPool

SQLITE, POSTGRES = "SQLite", "PostgreSQL"
COMPUTES, WAITS, COMMITS, HOT = "computes", "waits", "durable commit", "one hot row"
KINDS = (COMPUTES, WAITS, COMMITS, HOT)
REPORT_MS = 1.0
"""CPU time of a query that computes, when nothing else wants the CPU."""
MAX_CONNECTIONS = 64

Query = Callable[[], object]


class Database(Protocol):
    """What can be asked by many connections at once."""

    def load(self, kind: str, connections: int, seconds: float, wait_ms: float) -> Queried:
        """So many connections with queries of a kind for so long."""

    def stored(self) -> int:
        """How many durable commits it holds: rows of their own, and what was added to the hot row."""

    def close(self) -> None:
        """Close all connections."""


def asked(kind: str, queries: Sequence[Query], seconds: float) -> Queried:
    """One query a connection, in a closed loop. Those that wait for the hot row are served in order of arrival."""
    with gc_paused(generation=0), ThreadPoolExecutor(len(queries)) as pool:
        return query_for(pool, queries, seconds, left_out=int(kind == HOT))


class Sqlite:
    """SQLite has one writer at a time, so one thread writes the rows of all, and commits those that wait (group commit)."""

    def __init__(self, folder: Path) -> None:
        create(folder / "report.db")
        with ExitStack() as opened:
            self._ledger, self._numbers = opened.enter_context(closing(Ledger(folder / "ledger.db"))), count()
            self._hot = opened.enter_context(closing(HotRow(folder / "hot.db")))
            self._reports = [
                opened.enter_context(closing(Reports(folder / "report.db"))) for _ in range(MAX_CONNECTIONS)
            ]
            self._waiting = [opened.enter_context(closing(Waiting())) for _ in range(MAX_CONNECTIONS)]
            self._days = round(REPORT_MS * self._reports[0].days_per_ms())
            self._opened = opened.pop_all()

    def load(self, kind: str, connections: int, seconds: float, wait_ms: float) -> Queried:
        """As in `Database`."""
        if kind == COMMITS:
            return self._committed(connections, seconds)
        queries: dict[str, list[Query]] = {
            COMPUTES: [partial(each.report, self._days) for each in self._reports],
            WAITS: [partial(each.query, wait_ms) for each in self._waiting],
            HOT: [self._hot.add] * connections,
        }
        return asked(kind, queries[kind][:connections], seconds)

    def stored(self) -> int:
        """As in `Database`."""
        return self._ledger.count() + self._hot.number()

    def close(self) -> None:
        """As in `Database`."""
        self._opened.close()

    def _committed(self, connections: int, seconds: float) -> Queried:
        done = write_for(self._write, connections, seconds, size=MAX_CONNECTIONS)
        number = int(done.requests.sum())
        took_s = number / done.per_s if done.requests.size > 1 else float("nan")
        return Queried(done.response_ns[connections:].tolist(), number, took_s)

    def _write(self, rows: int) -> object:
        return self._ledger.write([(next(self._numbers), 1) for _ in range(rows)])


class HotRow:
    """One row to which each query adds 1. Its lock is held until that is on the drive; threads get it in the order in which they
    asked.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma journal_mode = wal")
        wait_for_drive(self._connection)
        self._connection.execute("create table counter (number integer not null)")
        self._connection.execute("insert into counter values (0)")
        grow_log(self._connection)
        self._lock = FairPool([self._connection])

    def add(self) -> None:
        """Committed by the time it returns."""
        connection = self._lock.get()
        try:
            connection.execute("update counter set number = number + 1")
        finally:
            self._lock.put(connection)

    def number(self) -> int:
        """What was added so far."""
        found: int = self._connection.execute("select number from counter").fetchone()[0]
        return found

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Waiting:
    """A connection whose query waits, as one does that asks something else, or finds a row locked."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.create_function("wait_ms", 1, lambda each: time.sleep(each / 1e3))

    def query(self, wait_ms: float) -> None:
        """`select wait_ms(5)`: PostgreSQL has `pg_sleep` for this."""
        self._connection.execute("select wait_ms(?)", (wait_ms,)).fetchone()

    def close(self) -> None:
        """Close it."""
        self._connection.close()
