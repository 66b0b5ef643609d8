"""Connections that query one database, in a process of their own.

In the process that measures they would take the CPU from one another, and a run would be called noisy for it.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from perflab.measure.collector import gc_paused
from perflab.measure.guards import BadInput, check_number, machine_limits
from perflab.systems.databases.closed_loop import Queried, query_for
from perflab.systems.databases.ledger import Ledger
from perflab.systems.databases.report import Reports, create
from perflab.systems.databases.writing_threads import write_for
from perflab.systems.process.child import ChildServer, announce, answer_requests, read_config
from perflab.systems.servers.fair_pool import FairPool

COMPUTES, WAITS, COMMITS, HOT = "computes", "waits", "durable commit", "one hot row"
KINDS = (COMPUTES, WAITS, COMMITS, HOT)
REPORT_MS, WAIT_MS = 1.0, 5.0
"""CPU time of a query that computes, when nothing else wants the CPU; and how long one waits that waits."""
MAX_CONNECTIONS, MAX_S = 64, 1.0


class Querying(ChildServer):
    """The process, for as long as its block lasts."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="perflab-querying-", ignore_cleanup_errors=True)
        try:
            super().__init__("perflab.systems.servers.querying", {"folder": self._folder.name})
        except BaseException:
            self._folder.cleanup()
            raise

    def load(self, kind: str, connections: int, seconds: float, wait_ms: float = WAIT_MS) -> Queried:
        """So many connections with queries of that kind for so long. Raises `BadInput` for more than are allowed."""
        if kind not in KINDS:
            raise BadInput(f"kind must be one of {', '.join(KINDS)}; got {kind!r}.")
        check_number("connections", connections, 1, MAX_CONNECTIONS, whole=True)
        check_number("seconds", seconds, 0.001, MAX_S)
        machine_limits().check(threads=connections)
        return Queried(**self.ask("load", kind=kind, connections=connections, seconds=seconds, wait_ms=wait_ms))

    @property
    def stored(self) -> int:
        """How many durable commits the databases hold: rows of their own, and what was added to the hot row."""
        return int(self.ask("count")["stored"])

    def close(self) -> None:
        """End the process, and remove its databases."""
        super().close()
        self._folder.cleanup()


class HotRow:
    """One row to which each query adds 1. Its lock is held until that is on the drive; threads get it in the order in which they
    asked.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.execute("create table counter (number integer not null)")
        self._connection.execute("insert into counter values (0)")
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


def _main(folder: str) -> None:
    place, numbers = Path(folder), count()
    create(place / "report.db")
    with ExitStack() as opened:
        pool = opened.enter_context(ThreadPoolExecutor(MAX_CONNECTIONS))
        ledger = opened.enter_context(closing(Ledger(place / "ledger.db")))
        hot = opened.enter_context(closing(HotRow(place / "hot.db")))
        reports = [opened.enter_context(closing(Reports(place / "report.db"))) for _ in range(MAX_CONNECTIONS)]
        waiting = [opened.enter_context(closing(Waiting())) for _ in range(MAX_CONNECTIONS)]
        days = round(REPORT_MS * reports[0].days_per_ms())

        def write(rows: int) -> object:
            return ledger.write([(next(numbers), 1) for _ in range(rows)])

        def load(kind: str, connections: int, seconds: float, wait_ms: float) -> dict[str, Any]:
            if kind == COMMITS:
                found = committed(write, connections, seconds)
            else:
                each: dict[str, list[Callable[[], object]]] = {
                    COMPUTES: [partial(report.report, days) for report in reports],
                    WAITS: [partial(connection.query, wait_ms) for connection in waiting],
                    HOT: [hot.add] * connections,
                }
                with gc_paused(generation=0):
                    found = query_for(pool, each[kind][:connections], seconds, left_out=int(kind == HOT))
            return vars(found)

        announce(0)  # it listens on no port
        answer_requests({"load": load, "count": lambda: {"stored": ledger.count() + hot.number()}})


def committed(write: Callable[[int], object], connections: int, seconds: float) -> Queried:
    """Group commit: one writer takes all that waits, once the commit before is done."""
    done = write_for(write, connections, seconds, size=MAX_CONNECTIONS)
    number = int(done.requests.sum())
    took_s = number / done.per_s if done.requests.size > 1 else float("nan")
    return Queried(done.response_ns[connections:].tolist(), number, took_s)


if __name__ == "__main__":
    _main(**read_config())
