"""What a query should take in each engine: what planning it and reading a row cost on this machine, from four corners."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.lab import Record
from perflab.lab.marks import Point, before
from perflab.lab.verdict import estimate_text, ratio_text, table_of, trust_of
from perflab.measure import Estimate, Frame, Ratio, count, duration, gc_paused, paired_ratio, percentile, summarise
from perflab.measure.compare import CLEAR, EQUAL, TOO_CLOSE
from perflab.measure.units import DASH
from perflab.measure.units import ratio as times_text
from perflab.systems.databases.tables import COLUMNS, ENGINES, MOST, Table
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.systems.servers.table_server import tables_here
from perflab.theory.compression import crossing as crossing_of
from perflab.theory.scans import QueryCost, crossing, from_corners

STORES = (*ENGINES, POSTGRESQL.name)
BY_ROW, BY_COLUMN, SERVER = STORES
NARROW_AND_WIDE = (1, COLUMNS)
MANY: Mapping[str, int] = {BY_ROW: 10_000, BY_COLUMN: 280_000, SERVER: 30_000}
"""Each engine is measured at one row and at so many, of few and of many columns. What a row adds in DuckDB is seen only where
there are many, and PostgreSQL takes another way where they are few. Where all rows are asked for, DuckDB compares none of them:
that is measured too. SQLite needs under 1 ms for its many rows of one column: of longer queries other programs interrupt more
than half on a busy machine, which made its rows four times as dear.
"""
VISITS, VISIT_S = 5, 0.05
ROWS = np.append(np.geomspace(1, MOST, 80)[:-1], MOST)
"""Rows at which the model is drawn."""


def column_of(engine: str) -> str:
    """The column of a frame that holds the times of an engine's queries."""
    return f"{engine}_ns"


def queries(opened: Mapping[str, Table], rows: int, columns: int, seed: int) -> Iterator[tuple[str, int]]:
    """Engine and time (ns) of one query after the other, without end: in each round one of every engine, in an order drawn at
    random, over the same rows, at a place drawn at random. An engine is asked for one row first, which is not timed: otherwise
    a query would pay for what the other engines have put into the CPU's caches.
    """
    generator, names = np.random.default_rng(seed), [*opened]
    while True:
        first = int(generator.integers(MOST - rows + 1))
        for at in generator.permutation(len(names)).tolist():
            opened[names[at]].sums(first, 1, columns)
            began_ns = perf_counter_ns()
            opened[names[at]].sums(first, rows, columns)
            yield names[at], perf_counter_ns() - began_ns


def frame_of(taken: Mapping[str, Sequence[int]], facts: Mapping[str, str]) -> Frame:
    """Each engine's times (ns) as a column."""
    samples = {column_of(name): np.array(times, np.int64) for name, times in taken.items()}
    return Frame(samples, {"calls": sum(map(len, taken.values()))}, facts)


def constant(engine: str, rows: int, columns: int) -> str:
    """The name of a constant: the median time (ns) of an engine's query."""
    return f"{engine}, {rows} rows of {columns} columns"


def calibrate() -> Iterator[Frame]:
    """What one row and many of few and many columns take in each engine; one row in turns, as in a run."""
    taken: dict[str, list[int]] = {}
    with tables_here() as (opened, _):
        probes = [(1, opened), *((MANY[name], {name: table}) for name, table in opened.items())]
        corners = [(columns, *probe) for columns in NARROW_AND_WIDE for probe in probes]
        corners.append((1, MOST, {BY_COLUMN: opened[BY_COLUMN]}))
        for visit, (columns, rows, probed) in itertools.product(range(VISITS), corners):
            each = queries(probed, rows, columns, visit)
            for _ in probed:  # left out: the first of each, which finds its rows cold
                next(each)
            ends = perf_counter() + VISIT_S
            with gc_paused(generation=0):
                for number, (name, took_ns) in enumerate(each, 1):
                    taken.setdefault(constant(name, rows, columns), []).append(took_ns)
                    if number >= len(probed) and perf_counter() > ends:  # each engine has had its turn
                        break
            yield Frame()
    yield Frame(facts={name: percentile(times, 0.5) for name, times in taken.items()})


@dataclass(frozen=True)
class Expected:
    """Each engine's time (ns) over `ROWS`; how many times as fast as SQLite DuckDB is; from how many rows on it is faster."""

    times: Mapping[str, NDArray[np.float64]]
    faster: NDArray[np.float64]
    crossing: float


def costs(constants: Mapping[str, Any]) -> dict[str, QueryCost]:
    """What planning and reading cost in each engine that was measured."""

    def cost(engine: str) -> QueryCost:
        ends = 1, MANY[engine]
        times = [[constants[constant(engine, rows, columns)] for columns in NARROW_AND_WIDE] for rows in ends]
        return from_corners(ends, NARROW_AND_WIDE, times)

    return {engine: cost(engine) for engine in STORES if constant(engine, 1, NARROW_AND_WIDE[0]) in constants}


def times_of(constants: Mapping[str, Any], rows: ArrayLike, columns: int) -> dict[str, NDArray[np.float64]]:
    """T = a + a'k + r(b + ck) in each engine (ns); in DuckDB less what it does not compare where all rows are asked for."""
    times = {name: cost.of(rows, columns) for name, cost in costs(constants).items()}
    if times:
        compared = float(costs(constants)[BY_COLUMN].of(MOST, 1)) - constants[constant(BY_COLUMN, MOST, 1)]
        times[BY_COLUMN] = times[BY_COLUMN] - np.where(np.asarray(rows) >= MOST, max(0.0, compared), 0.0)
    return times


def predict(rows: int, columns: int, constants: Mapping[str, Any]) -> Expected:
    """What each engine takes by its cost, from one row to all, and where two of them cross.

    Left out: that DuckDB reads in blocks of some thousands of rows, and how much of a table is in the CPU's caches.
    """
    times = times_of(constants, ROWS, columns)
    return Expected(times, times[BY_ROW] / times[BY_COLUMN], crossing_at(constants, columns))


def crossing_at(constants: Mapping[str, Any], columns: int) -> float:
    """The rows from which on DuckDB is faster than SQLite by their costs; NaN where these are not known."""
    known = costs(constants)
    return crossing(known[BY_ROW], known[BY_COLUMN], columns) if known else np.nan


def median_of(engine: str) -> Callable[[Record], Point]:
    """The median time of an engine's queries, at the number of rows."""

    def point(run: Record) -> Point:
        taken = run.column(column_of(engine))
        return run.parameters["rows"], percentile(taken, 0.5) if taken.size else np.nan

    return point


def faster(run: Record) -> Ratio | None:
    """How many times as fast as SQLite DuckDB is, by rounds; None before the first."""
    pairs = np.array([*zip(run.column(column_of(BY_ROW)), run.column(column_of(BY_COLUMN)), strict=False)])
    return paired_ratio(*pairs.T) if pairs.size else None


def faster_at(run: Record) -> Point:
    """How many times as fast as SQLite DuckDB is, at the number of rows."""
    found = faster(run)
    return run.parameters["rows"], np.nan if found is None else found.value


def winner(run: Record) -> tuple[str, Ratio] | None:
    """The faster engine, and how many times as fast it is; "" for two that are alike, None where a run cannot tell."""
    found = faster(run)
    if found is None or not found.has_interval or found.verdict not in (CLEAR, EQUAL):
        return None
    if found.verdict == EQUAL:
        return "", found
    return (BY_COLUMN, found) if found.value > 1 else (BY_ROW, Ratio(1 / found.value, 1 / found.high, 1 / found.low))


CHANGING = ("rows",)
_faster = before(faster_at, CHANGING)


def crossed(runs: Sequence[Record]) -> float:
    """Rows at which the measured times cross, of runs that differ from the newest in their rows only; NaN where none do."""
    return crossing_of(*_faster(runs))


def crossing_here(run: Record) -> float:
    """The model's crossing for the columns of a run; NaN where its machine is not known."""
    return crossing_at(run.constants, run.parameters["columns"])


def about(rows: float) -> str:
    """A crossing, which is not known to the row: two digits of it."""
    return count(float(f"{rows:.2g}"))


def asked(chosen: Mapping[str, Any]) -> str:
    """What is asked for: `1 row × 19 columns`."""
    each = ((chosen[name], name) for name in ("rows", "columns"))
    return " × ".join(f"{count(number)} {name[:-1] if number == 1 else name}" for number, name in each)


def won(run: Record) -> str:
    """Which engine is faster, as text; that they are alike; or that this run cannot tell."""
    found = winner(run)
    if found is None:
        return TOO_CLOSE
    return f"{found[0]} is {ratio_text(found[1])} as fast" if found[0] else "practically the same"


def p50(run: Record, engine: str) -> Estimate:
    """The median of an engine's queries, of which there must be one, with its interval."""
    return summarise(run.column(column_of(engine)), percentiles=(0.5,)).percentiles[0.5]


def rows_of(name: str, text: Callable[[Record, str], str]) -> Iterator[tuple[str, Callable[[Record], str]]]:
    """Rows of a table, one for each engine."""

    def there(engine: str, run: Record) -> str:
        if run.column(column_of(engine)).size:
            return text(run, engine)
        return "not measured here" if engine == SERVER and run.fact("missing") else ""

    for engine in STORES:
        yield f"{engine}, {name}", partial(there, engine)


def each_value(run: Record, engine: str) -> str:
    """The median of a query over the values that it reads."""
    return duration(p50(run, engine).value / (run.parameters["rows"] * run.parameters["columns"]))


def against_model(run: Record, engine: str) -> str:
    """The median over what the model expects."""
    expected = times_of(run.constants, run.parameters["rows"], run.parameters["columns"])
    return times_text(p50(run, engine).value / float(expected[engine])) if engine in expected else DASH


TABLE = table_of(
    *rows_of("p50", lambda run, engine: estimate_text(p50(run, engine))),
    ("faster", won),
    *rows_of("time for each value", each_value),
    (f"{BY_COLUMN} faster by the model from", lambda run: f"{about(crossing_here(run))} rows"),
    needs=column_of(BY_ROW),
)
TRUST = trust_of(
    ("rounds", lambda run: count(run.column(column_of(BY_ROW)).size)),
    *rows_of("p50 over the model's", against_model),
    ("before each query", lambda run: "a query of one row, not timed, warms the engine up"),
    (SERVER, lambda run: run.fact("missing", "in a server of its own, which each run starts")),
    needs=column_of(BY_ROW),
)
