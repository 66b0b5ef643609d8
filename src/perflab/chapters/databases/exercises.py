"""Checks of the exercises of notebook 10. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from reprlib import repr as in_short

import numpy as np

from perflab.chapters.databases import lost_updates_model
from perflab.chapters.databases.own_retry import check_retry as check_retry
from perflab.chapters.judging import OPEN, RIGHT, attempt, is_function, is_run_of, judge
from perflab.lab import Record
from perflab.lab.verdict import ratio_text
from perflab.measure import count, duration, paired_ratio, percent, percentile
from perflab.measure.guards import is_number
from perflab.systems.databases.beside_a_scan import DELETE, WAL, write_times_ns
from perflab.systems.databases.counters import OPTIONS, TWO, fill
from perflab.systems.databases.dirty_reads import LEVEL, in_sqlite, seen_uncommitted
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.cluster import cluster, connect
from perflab.systems.servers.real.postgresql import POSTGRESQL

FEW, CLIENTS, THINK_MS, FEWEST = 0.05, 4, 5.0, 100


def check_few_lost(record: Record | None) -> None:
    """Modify: two statements of four clients that lose at most 5% of the increments, with one setting changed."""
    if record is None:
        print(f"{OPEN}Run the lab with one setting changed, neither the way nor the clients; keep it in `few_lost`.")
        return
    if not is_run_of(record, "lost_updates", "per_s"):
        return
    chosen, share = record.parameters, lost_updates_model.lost(record)
    fixed = {"way": TWO, "clients": CLIENTS, "think": THINK_MS}
    wrong = next((name for name, value in fixed.items() if chosen[name] != value), None)
    if wrong is not None:
        print(f"Not yet: `{wrong}` should be {fixed[wrong]!r}. What else makes it rare that two clients meet?")
    elif record.calls < FEWEST:
        print(f"Not yet: {count(record.calls)} increments are too few to tell. Let the run come to its end.")
    elif share > FEW:
        print(
            f"Not yet: {percent(share)} of {count(record.calls)} increments are lost, and it should be {percent(FEW)} at most."
        )
    else:
        told = f"{percent(share)} of {count(record.calls)} increments are lost"
        print(f"{RIGHT}: {told}. It is rarer, not safe: each of them was acknowledged.")


def dirty_reads() -> None:
    """Try whether a reader sees what another connection has written, not committed, and then takes back; print it."""
    found = {"SQLite": in_sqlite(shared=False), "SQLite, both on one shared cache": in_sqlite(shared=True)}
    missing = ""
    try:
        with (
            cluster("counters", fill, OPTIONS) as server,
            connect(server.folder) as writer,
            connect(server.folder) as reader,
        ):
            found[POSTGRESQL.name] = seen_uncommitted(writer, reader, LEVEL)
    except ServerFailed as error:
        missing = str(error)
    for name, value in found.items():
        told = "a value that was never committed" if value else "nothing dirty"
        print(f"{name + ':':<34}read uncommitted finds {value}, {told}")
    if missing:
        print(missing)


MEASURED_S = 0.4
NAMES = {DELETE: "rollback journal", WAL: "WAL"}


def writers() -> None:
    """Measure a writer with both journals, alone and beside a report that reads the file again and again; print its medians."""
    for journal, name in NAMES.items():
        alone, beside = (
            duration(percentile(write_times_ns(journal, scanned, MEASURED_S), 0.5)) for scanned in (False, True)
        )
        print(f"{name + ':':<18}a write takes {alone} alone, {beside} while a report reads (medians)")


WHY = {
    "the drive is slow": "no commit waits for the drive in these runs, and the drive is the same one with both journals.",
    "the CPU is busy": "the report computes as much beside a file in WAL mode, and there the writer does not wait.",
    "the writer waits for readers": "Right: with a rollback journal a commit changes the pages of the file itself, so it waits "
    "until no reader is left, as long as the report still reads. In WAL mode it appends to another file, and readers go on with "
    "the pages of their beginning. `pragma journal_mode = wal` is the cure. Two writers still wait for one another.",
    "the row is locked": "the report reads, and locks no row: SQLite has no locks of rows. What does it lock?",
}


def check_why(answer: str | None) -> None:
    """Judge: a write beside a report takes as long as the report."""
    judge(answer, WHY)


Benchmark = Callable[[sqlite3.Connection, Callable[[], float]], float]
HOW = "`commits_per_s` gets connection and clock, and returns a number."
TABLE, INSERT = "create table orders (id integer primary key, amount integer)", "insert into orders (amount) values (1)"
DURABLE = (2, 3)
"""The numbers of synchronous = full and extra; 0 is off, 1 normal."""
NEAR, PAIRS, COMMITS = 1.5, 8, 25


class Watched:
    """A connection to a file, and what was done with it: when an order was inserted first, the number of commits since, and
    settings that came too late.
    """

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.set_trace_callback(self._see)
        self.began, self.commits, self.late = 0.0, 0, ""

    def _see(self, statement: str) -> None:
        words = statement.lower().split()
        if words[:1] == ["insert"]:
            self.began = self.began or time.perf_counter()
            self.commits += not self.connection.in_transaction
        elif self.began and words[:1] == ["commit"]:
            self.commits += 1
        elif self.began and words[:1] == ["pragma"] and "=" in statement:
            self.late = statement

    def setting(self, name: str) -> object:
        """What a pragma says now."""
        return self.connection.execute(f"pragma {name}").fetchone()[0]


def check_the_lie(commits_per_s: Benchmark) -> None:
    """Spot the lie: a benchmark of durable commits that are not durable."""
    if not is_function(commits_per_s, HOW):
        return
    found = attempt(lambda: fault(commits_per_s), HOW)
    if found:
        print(f"{OPEN}{found[0].upper()}{found[1:]}")
    elif found is not None:
        print(f"{RIGHT}: each commit waits until it is on the drive. {worth()}")


def fault(commits_per_s: Benchmark) -> str:
    """What is wrong with a benchmark, in one sentence; empty where nothing is."""
    with tempfile.TemporaryDirectory(prefix="perflab-lie-", ignore_cleanup_errors=True) as folder:
        watched = Watched(Path(folder) / "orders.db")
        with closing(watched.connection):
            told = commits_per_s(watched.connection, time.perf_counter)
            took_s = time.perf_counter() - watched.began
            watched.connection.set_trace_callback(None)
            stored = settings(watched) if watched.commits else "nothing was committed, so nothing was measured."
    if stored:
        return stored
    if watched.late:
        return f"`{watched.late}` comes after the first insert: what was committed before was not durable."
    if not is_number(told):
        return f"`commits_per_s` returns {in_short(told)}, and should return a number."
    per_s = watched.commits / took_s
    if not per_s / NEAR < told < per_s * NEAR:
        made = f"{count(watched.commits)} commits were made in {duration(1e9 * took_s)}, {count(per_s)} per second"
        return f"{made}; yours says {count(told)}. Is each insert a commit, and inside the time?"
    return ""


def settings(watched: Watched) -> str:
    """Why commits are not durable with the settings of this connection; empty where they are."""
    if watched.connection.in_transaction:
        return "the last transaction is still open: it is not committed."
    synchronous, journal = watched.setting("synchronous"), watched.setting("journal_mode")
    if synchronous not in DURABLE:
        name = {0: "off", 1: "normal"}.get(synchronous, synchronous) if isinstance(synchronous, int) else synchronous
        return f"synchronous is {name}: a commit is acknowledged before it is on the drive. Which line says so?"
    if journal in ("off", "memory"):
        return f"journal_mode is {journal}: after a crash in the middle of a commit the file may be broken."
    return ""


def worth() -> str:
    """How many times as many commits are acknowledged that are not durable, measured in turns now."""
    pairs = []
    with tempfile.TemporaryDirectory(prefix="perflab-lie-", ignore_cleanup_errors=True) as folder:
        for turn in range(PAIRS):
            pairs.append([rate(Path(folder) / f"{turn} {each}.db", each) for each in ("off", "full")])
    quick, durable = np.array(pairs).T
    told = f"On this machine the lie was worth {ratio_text(paired_ratio(quick, durable))}"
    told += f": {count(np.median(durable))} durable commits per second."
    return f"{told} {caveat}" if (caveat := durability_caveat()) else told


def rate(path: Path, synchronous: str) -> float:
    """Commits per second with this setting."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute(f"pragma synchronous = {synchronous}")
        connection.execute(TABLE)
        began = time.perf_counter()
        for _ in range(COMMITS):
            connection.execute(INSERT)
        return COMMITS / (time.perf_counter() - began)
