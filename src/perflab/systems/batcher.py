"""Requests gathered into batches, each written by one commit: when it is full, or when its oldest has waited long enough."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import Clock, SystemClock

WhenToFlush = Callable[[int, float, int, float], bool]
Write = Callable[[Sequence[int]], Sequence[int]]
POLL_S = 0.001


def when_to_flush(pending: int, oldest_wait_s: float, size: int, max_wait_s: float) -> bool:
    """Full, or the oldest has waited long enough. Asked whenever a request comes, and by a timer."""
    return pending >= size or oldest_wait_s >= max_wait_s


@dataclass(frozen=True)
class Batch:
    """Requests `first` up to `end` of the schedule, written from `began_ns` to `ended_ns`, without those `refused`."""

    first: int
    end: int
    began_ns: int
    ended_ns: int
    refused: Sequence[int] = ()


def batches(
    schedule_ns: NDArray[np.int64],
    write: Write,
    size: int,
    max_wait_s: float,
    when: WhenToFlush = when_to_flush,
    clock: Clock | None = None,
) -> Iterator[Batch]:
    """Write all requests of the schedule, in order and each at most once; yields after each write.

    `write` gets the numbers of a batch and returns those that it refused. While the caller holds a yielded batch, the schedule
    stands still. A `when` that never asks to write would gather all: a batch is written in any case when the schedule has ended.
    """
    watch = clock or SystemClock()
    start_ns, first = watch.now_ns(), 0
    while first < schedule_ns.size:
        now = watch.now_ns() - start_ns
        came = int(np.searchsorted(schedule_ns, now, side="right"))
        pending = came - first
        oldest_wait_s = (now - int(schedule_ns[first])) / 1e9
        if pending and (when(pending, oldest_wait_s, size, max_wait_s) or came == schedule_ns.size):
            end = min(came, first + size)
            refused = write(range(first, end))
            ended = watch.now_ns()
            yield Batch(first, end, now, ended - start_ns, refused)
            start_ns += watch.now_ns() - ended
            first = end
        else:
            due = int(schedule_ns[came]) if came < schedule_ns.size else now
            if pending:
                due = min(due, int(schedule_ns[first] + max_wait_s * 1e9))
            # A policy of a learner's may want to write at any moment, so it is asked at least every millisecond.
            wait_s = max(0.0, (due - now) / 1e9)
            watch.sleep(min(wait_s, POLL_S) if pending and when is not when_to_flush else wait_s)


class Ledger:
    """A table on disk, one row a request, at most once each; every commit waits for the drive. Amounts are above 0."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.execute("create table ledger (number integer primary key, amount integer check (amount > 0))")

    def write(self, rows: Sequence[tuple[int, int]]) -> list[int]:
        """Write (number, amount) rows by one commit; returns the numbers of those that are refused.

        When one is refused, the whole batch is rolled back and its rows are written one by one: nothing is lost, and nothing is
        written twice. Any other error (a full disk) is raised, with nothing of the batch kept.
        """
        try:
            self._commit(rows)
        except sqlite3.IntegrityError:
            return [row[0] for row in rows if not self._accepts(row)] if len(rows) > 1 else [rows[0][0]]
        return []

    def count(self) -> int:
        """How many rows there are."""
        found: int = self._connection.execute("select count(*) from ledger").fetchone()[0]
        return found

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _accepts(self, row: tuple[int, int]) -> bool:
        try:
            self._commit([row])
        except sqlite3.IntegrityError:
            return False
        return True

    def _commit(self, rows: Sequence[tuple[int, int]]) -> None:
        self._connection.execute("begin immediate")
        try:
            self._connection.executemany("insert into ledger values (?, ?)", rows)
            self._connection.execute("commit")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise


@contextmanager
def ledger() -> Iterator[Ledger]:
    """A ledger in a temporary folder, which goes away with the block."""
    with tempfile.TemporaryDirectory(prefix="perflab-ledger-", ignore_cleanup_errors=True) as folder:
        table = Ledger(Path(folder) / "ledger.db")
        try:
            yield table
        finally:
            table.close()
