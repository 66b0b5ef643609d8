"""Clients that each add 1 to the same row in a transaction, and what becomes of a conflict: a policy of retries decides.

Each client is a generator of waits in seconds: threads sleep so long, a virtual schedule adds it up. Between two waits a step is
done at once.
"""

from __future__ import annotations

import heapq
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

THINK_S, REST_S = 0.002, 0.02
"""Between reading and writing, and between two increments of a client: means; from half of it to one and a half."""

Retry = Callable[[int, Exception], float | None]
"""Gets how many tries have failed, and what the last one raised; returns seconds until the next, or None to give up."""


class Row(Protocol):
    """One client's connection to the row."""

    def read(self) -> int:
        """Begin a transaction, and read."""

    def write(self, value: int) -> Exception | None:
        """Write and commit; returns what was raised where another client has written meanwhile, and all is undone."""


@dataclass
class Tally:
    """Increments that were committed and that were given up, and how often one was tried."""

    done: int = 0
    given_up: int = 0
    tries: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.done + other.done, self.given_up + other.given_up, self.tries + other.tries)


def client(
    row: Row, retry: Retry, tally: Tally, chance: random.Random, now: Callable[[], float], until: float
) -> Iterator[float]:
    """One that adds again and again, and begins no try once it is `until`."""
    while True:
        yield REST_S * chance.uniform(0.5, 1.5)
        tries, wait_s = 0, None
        while now() < until:
            value = row.read()
            yield THINK_S * chance.uniform(0.5, 1.5)
            error, tries = row.write(value + 1), tries + 1
            tally.tries += 1
            if error is None:
                tally.done += 1
                break
            wait_s = retry(tries, error)
            if wait_s is None:
                tally.given_up += 1
                break
            yield wait_s
        else:
            return


class SqliteRow:
    """A connection of one thread's to a file in WAL mode. It does not wait for a lock, nor for the drive at a commit."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, 0.0, isolation_level=None, check_same_thread=False)
        for statement in ("pragma journal_mode = wal", "pragma synchronous = off"):
            self._connection.execute(statement)

    def read(self) -> int:
        self._connection.execute("begin")
        found: int = self._connection.execute("select number from counter").fetchall()[0][0]
        return found

    def write(self, value: int) -> Exception | None:
        try:
            self._connection.execute("update counter set number = ?", (value,))
            self._connection.execute("commit")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # its extended codes have this lower byte
                raise
            self._connection.execute("rollback")
            return error
        return None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def real_run(clients: int, retry: Retry, seconds: float) -> tuple[Tally, int]:
    """So many threads on a real file for so long; with what the row says in the end."""
    with ExitStack() as opened:
        folder = opened.enter_context(
            tempfile.TemporaryDirectory(prefix="perflab-conflicts-", ignore_cleanup_errors=True)
        )
        rows = [opened.enter_context(closing(SqliteRow(Path(folder) / "counter.db"))) for _ in range(clients)]
        rows[0]._connection.execute("create table counter (number integer not null)")
        rows[0]._connection.execute("insert into counter values (0)")
        tallies, until = [Tally() for _ in rows], time.perf_counter() + seconds

        def live(row: SqliteRow, tally: Tally, number: int) -> None:
            for wait_s in client(row, retry, tally, random.Random(number), time.perf_counter, until):
                time.sleep(max(0.0, min(wait_s, until - time.perf_counter())))

        with ThreadPoolExecutor(clients) as pool:
            asked = [pool.submit(live, *each, number) for number, each in enumerate(zip(rows, tallies, strict=True))]
            for each in asked:
                each.result()
        number = rows[0].read()
        rows[0]._connection.execute("commit")
        return sum(tallies, Tally()), number


def locked() -> sqlite3.OperationalError:
    """What SQLite raises where another connection has written since this one has read."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode, error.sqlite_errorname = 517, "SQLITE_BUSY_SNAPSHOT"
    return error


class VirtualRow:
    """A connection to a number in memory, whose steps take no time; `shared` is the number, as often as it was written."""

    def __init__(self, shared: list[int]) -> None:
        self._shared, self._seen = shared, 0

    def read(self) -> int:
        self._seen = self._shared[0]
        return self._seen

    def write(self, value: int) -> Exception | None:
        if self._shared[0] != self._seen:
            return locked()
        self._shared[0] = value
        return None


def simulated(clients: int, retry: Retry, seconds: float, seed: int) -> Tally:
    """Such a run on a virtual schedule."""
    shared, now, tallies = [0], 0.0, [Tally() for _ in range(clients)]
    steps = [
        client(VirtualRow(shared), retry, tally, random.Random(f"{seed} {number}"), lambda: now, seconds)
        for number, tally in enumerate(tallies)
    ]
    due = [(next(each), number) for number, each in enumerate(steps)]
    heapq.heapify(due)
    while due:
        now, number = due[0]
        wait_s = next(steps[number], None)
        if wait_s is None:
            heapq.heappop(due)
        else:
            heapq.heapreplace(due, (now + wait_s, number))
    return sum(tallies, Tally())
