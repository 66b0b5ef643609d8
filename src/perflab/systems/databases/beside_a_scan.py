"""A writer beside a report on one SQLite file: with a rollback journal it waits until no reader is left, with WAL not."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from perflab.systems.databases.report import Reports, create

DELETE, WAL = "delete", "wal"
JOURNALS = (DELETE, WAL)
SCAN_MS, BETWEEN_S, BUSY_S = 80.0, 0.01, 10.0
"""CPU time of a report; between two writes; and how long a write waits at most for a lock."""
WRITE = "update product set price = price + 1 where rowid = 1"


@contextmanager
def file_of(journal: str) -> Iterator[Path]:
    """A file with such a journal, in a folder that goes away with the block."""
    with tempfile.TemporaryDirectory(prefix="perflab-scan-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "report.db"
        create(path)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"pragma journal_mode = {journal}")
        yield path


def write_times_ns(journal: str, scanned: bool, seconds: float, fewest: int = 5) -> list[int]:
    """How long each write took, one every `BETWEEN_S`, for so long and at least so many; `scanned`: while a thread reads reports,
    one after another. No commit waits for the drive.
    """
    with file_of(journal) as path, closing(sqlite3.connect(path, BUSY_S, isolation_level=None)) as writer:
        writer.execute("pragma synchronous = off")
        over, begun = threading.Event(), threading.Event()
        reader = threading.Thread(target=_scan, args=(path, over, begun), name="perflab-scan")
        if scanned:
            reader.start()
        try:
            begun.wait(BUSY_S if scanned else 0)
            return _written(writer, seconds, fewest)
        finally:
            over.set()
            if scanned:
                reader.join()


def _scan(path: Path, over: threading.Event, begun: threading.Event) -> None:
    with closing(Reports(path)) as reports:
        days = round(SCAN_MS * reports.days_per_ms())
        begun.set()
        while not over.is_set():
            reports.report(days)


def _written(writer: sqlite3.Connection, seconds: float, fewest: int) -> list[int]:
    times: list[int] = []
    until = time.perf_counter() + seconds
    while len(times) < fewest or time.perf_counter() < until:
        time.sleep(BETWEEN_S)
        began_ns = time.perf_counter_ns()
        writer.execute(WRITE)
        times.append(time.perf_counter_ns() - began_ns)
    return times
