"""What each profile should take for each work, by what statements, rows, indexes and commits cost on this machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import numpy as np

from perflab.lab import Record
from perflab.measure import Estimate, Frame, percentile, time_calls
from perflab.systems.databases.order_book import COVERING, INDEXED, Book
from perflab.systems.databases.order_files import ROWS, duck_book, sqlite_book
from perflab.systems.databases.order_work import (
    COMMITS,
    FIND,
    LOAD,
    LOADED,
    ORDER,
    REPORT,
    WORKS,
    WRITING,
    Timed,
    part_of_load,
    time_work,
)
from perflab.systems.machine.storage import synced_write
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.order_server import INDEXES, ServerBook, order_server
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.theory.batching import fit_cost
from perflab.theory.btree import levels
from perflab.theory.indexed_rows import fit_adding


@dataclass(frozen=True)
class Profile:
    """How a table is set up, and how many rows a load commits at a time."""

    indexes: tuple[str, ...]
    batch: int
    durable: bool = True


NAMES = ("OLTP", "OLAP", "balanced", POSTGRESQL.name, "DuckDB", "yours")
OLTP, OLAP, BALANCED, SERVER, DUCKDB, YOURS = NAMES
PROFILES = {
    OLTP: Profile(INDEXED, 1),
    OLAP: Profile((COVERING,), 10_000),
    BALANCED: Profile(INDEXED[:2], 100),
}
"""The three of common advice. OLAP's batch is larger than the load: it is one commit."""
BESIDE = (SERVER, DUCKDB)
"""Other databases, with settings of their own. They are measured with the profiles, and win nothing: advice is about profiles."""
PROBE, LARGE, BLOCKS, PAGE = "synced write", "large synced write", 256, "page more of a synced write"
HALF, FEW = ROWS // 2, ROWS // 100
"""Tables at which statements are measured, from which the model goes on to the whole one: DuckDB's and PostgreSQL's at both, as
much of what a statement costs there is the same for any table.
"""
ROUNDS, QUIET = 7, 0.25
"""Of so many times the lower quartile is kept: a moment in which others have the CPU would stand in the model for good."""
PAGES = 260
"""Of an index on one column of 100,000 orders, by the size of the file. The covering one counts as such a one."""


def names_here() -> tuple[str, ...]:
    """All that is measured on this machine: PostgreSQL only where it is installed."""
    return tuple(name for name in NAMES if name != SERVER or POSTGRESQL.find())


def sides(indexes: int, batch: int, durable: bool, names: Sequence[str] = NAMES) -> dict[str, Profile]:
    """How each of these is set up. DuckDB has no index, and takes a load as a whole; PostgreSQL is set up as balanced is."""
    chosen = Profile(INDEXED[:indexes], batch, durable)
    known = {**PROFILES, DUCKDB: Profile((), LOADED), SERVER: Profile(INDEXES, PROFILES[BALANCED].batch), YOURS: chosen}
    return {name: known[name] for name in names}


@contextmanager
def book_of(name: str, profile: Profile) -> Iterator[Book]:
    """The orders as a profile has them, for this block; PostgreSQL's in a server of its own."""
    with ExitStack() as stack:
        book: Book
        if name == SERVER:
            book = ServerBook(stack.enter_context(order_server()).folder)
        else:
            book = duck_book() if name == DUCKDB else sqlite_book(profile.indexes, profile.durable)
        yield stack.enter_context(closing(book))


def column(name: str) -> str:
    """Where the times of a side are, one for each round."""
    return f"{name}_ns"


Known = Mapping[str, float]
"""What `calibrate` found, in ns."""


def in_store(store: str, work: str, rows: int = ROWS) -> str:
    """The name of what a work takes in DuckDB or PostgreSQL, with so many rows."""
    return f"{work}, {store}, {rows} rows"


def names_in(known: Known) -> list[str]:
    """All that the model knows."""
    return [name for name in NAMES if name != SERVER or in_store(SERVER, FIND, FEW) in known]


def corner(indexes: int, batch: int) -> str:
    """The name of what a load takes that waits for no drive."""
    return f"load with {indexes} indexes, {batch} a commit"


BY_INDEX, BY_SCAN, BY_SORT, IN_ORDER = (
    "find by index",
    "find by scan",
    "report by a sort",
    "report in the index's order",
)
STATEMENTS = {
    BY_INDEX: (INDEXED[:1], FIND),
    BY_SCAN: ((), FIND),
    BY_SORT: ((), REPORT),
    IN_ORDER: ((COVERING,), REPORT),
}
CORNERS = [(indexes, batch) for batch in (1, LOADED) for indexes in ((), INDEXED)]


def calibrate() -> Iterator[Frame]:
    """What statements take on a smaller table, loads that wait for no drive, writes of the stores beside, and a synced write."""
    generator = np.random.default_rng(1)
    taken: dict[str, list[float]] = {}
    with ExitStack() as stack:

        def job(work: str, book: Book, batch: int = LOADED) -> Callable[[], Timed]:
            return partial(time_work, work, stack.enter_context(closing(book)), batch, generator)

        jobs = {name: job(work, sqlite_book(indexes, rows=HALF)) for name, (indexes, work) in STATEMENTS.items()}
        open_book: dict[str, Callable[[int], Book]] = {DUCKDB: duck_book}
        if SERVER in names_here():
            # Before the first frame, which is waited for longest: so long takes it to make its files. Runs say why it fails.
            with suppress(ServerFailed):
                open_book[SERVER] = partial(ServerBook, stack.enter_context(order_server()).folder)
        yield Frame()
        for indexes, batch in CORNERS:
            jobs[corner(len(indexes), batch)] = job(LOAD, sqlite_book(indexes, durable=False), batch)
            yield Frame()
        for store, opened in open_book.items():
            asked = [(work, rows) for work in (FIND, REPORT) for rows in (FEW, HALF)] + [
                (work, ROWS) for work in WRITING
            ]
            for work, rows in asked:
                jobs[in_store(store, work, rows)] = job(work, opened(rows))
                yield Frame()
        for name, blocks in ((PROBE, 1), (LARGE, BLOCKS)):
            jobs[name] = partial(probe, ORDER, stack.enter_context(synced_write(blocks)))
        # Interleaved: a moment in which the machine is slow must not fall on one of them alone.
        for _ in range(ROUNDS):
            for name, measure in jobs.items():
                taken.setdefault(name, []).append(measure().took_ns)
            yield Frame()
    # The shortest of both: a drive that others keep busy hides what a page more takes.
    large_ns, small_ns = min(taken.pop(LARGE)), min(taken[PROBE])
    page = {PAGE: max(0.0, large_ns - small_ns) / (BLOCKS - 1)}
    yield Frame(facts={name: percentile(times, QUIET) for name, times in taken.items()} | page)


def probe(work: str, write: Callable[[], object]) -> Timed:
    """What a write takes that waits for the drive: the mean of as many as there are commits, slow ones too."""
    write()
    number = COMMITS if work == ORDER else part_of_load(1)
    return Timed(float(time_calls(write, repeats=number, generation=0).latencies_ns.mean()), number)


def expected(work: str, name: str, profile: Profile, known: Known, sync_ns: float) -> float:
    """How long a work takes (ns) where a write waits for the drive for `sync_ns`."""
    if work in WRITING:
        rows = LOADED if work == LOAD else 1
        if name in BESIDE:
            order_ns, load_ns = (known[in_store(name, each)] for each in WRITING)
            commits = -(-rows // profile.batch)
            each_ns = max(0.0, load_ns - order_ns) / LOADED
            return commits * (sync_ns + max(0.0, order_ns - known[PROBE])) + each_ns * (rows - commits)
        times = [[known[corner(indexes, batch)] / LOADED for indexes in (0, len(INDEXED))] for batch in (1, LOADED)]
        adding = fit_adding(PAGES, len(INDEXED), LOADED, times)
        if not profile.durable:
            return adding.added(rows, profile.batch, len(profile.indexes), 0.0)
        return adding.added(rows, profile.batch, len(profile.indexes), sync_ns, known[PAGE])

    if name in BESIDE:
        return float(fit_cost((FEW, HALF), [known[in_store(name, work, rows)] for rows in (FEW, HALF)]).of(ROWS))
    if work == FIND:
        if INDEXED[0] in profile.indexes:
            return known[BY_INDEX] * float(levels(ROWS) / levels(HALF))
        return known[BY_SCAN] * ROWS / HALF
    if COVERING in profile.indexes:
        return known[IN_ORDER] * ROWS / HALF
    return known[BY_SORT] * sorting(ROWS) / sorting(HALF)


def sorting(rows: int) -> float:
    """Comparisons of a sort, as far as they grow with the rows: n·log₂ n."""
    return rows * math.log2(rows)


@dataclass(frozen=True)
class Expected:
    """Times (ns) of the chosen work, and of each work in those of the best of the three profiles, by names."""

    times: Mapping[str, Estimate]
    against_best: Mapping[str, Mapping[str, float]]


def predict(work: str, indexes: int, batch: int, durable: bool, constants: Known) -> Expected:
    """The model of all works: depth of an index or rows read; n/b·T_commit + n·(c_row + i·c_index)."""
    chosen = sides(indexes, batch, durable, names_in(constants))
    times = {
        each: {name: expected(each, name, profile, constants, constants[PROBE]) for name, profile in chosen.items()}
        for each in WORKS
    }
    best = {each: min(times[each][name] for name in PROFILES) for each in WORKS}
    ratios = {each: {name: time / best[each] for name, time in times[each].items()} for each in WORKS}
    return Expected({name: Estimate(time) for name, time in times[work].items()}, ratios)


def expected_in(run: Record) -> Mapping[str, Estimate]:
    """The model of a run's work with writes that wait as long as those of this run: drives change from one minute to the next."""
    synced = run.column(column(PROBE))
    if not run.constants or (run.parameters["work"] in WRITING and not synced.size):
        return {}
    sync_ns = percentile(synced, 0.5) if synced.size else 0.0
    chosen = dict(run.parameters)
    work = chosen.pop("work")
    return {
        name: Estimate(expected(work, name, profile, run.constants, sync_ns))
        for name, profile in sides(**chosen, names=names_in(run.constants)).items()
    }
