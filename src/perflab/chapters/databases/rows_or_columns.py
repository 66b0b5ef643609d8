"""One row or all of them? The same table in a row store and in a column store, the same question to both, in turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from perflab.chapters.databases.rows_or_columns_model import (
    BY_COLUMN,
    BY_ROW,
    CHANGING,
    ROWS,
    against_model,
    calibrate,
    column_of,
    crossed,
    crossing_here,
    faster_at,
    median_of,
    predict,
    queries,
    winner,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, slider, values_slider
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.marks import Here, Label, Line, Rule, before, measured
from perflab.lab.palette import CLOCK, INK, MEASURED, MODEL, MODEL_LINE, PINNED
from perflab.lab.verdict import (
    estimate_text,
    percentile_of,
    percentile_text,
    ratio_text,
    table_of,
    trust_of,
    verdict_of,
)
from perflab.measure import Estimate, Frame, count, duration, gc_paused, number, summarise
from perflab.measure.compare import TOO_CLOSE
from perflab.systems.databases.tables import COLUMNS, ENGINES, MOST, tables

SLICE_S = 0.1
STEPS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, MOST)


def experiment(rows: int, columns: int, seed: int) -> Iterator[Frame]:
    with tables() as opened:
        # Left out: the first query of each, which shows that all find the same.
        if len({table.sums(0, rows, columns) for table in opened.values()}) > 1:
            raise RuntimeError("The engines do not agree about the sums.")
        each = queries(
            opened, rows, columns, seed
        )  # one of every engine, in random order, at a random place; and so on
        while True:
            taken: dict[str, list[int]] = {name: [] for name in opened}
            ends = perf_counter() + SLICE_S
            with gc_paused(generation=0):
                while perf_counter() < ends:
                    name, took_ns = next(each)
                    taken[name].append(took_ns)
            samples = {column_of(name): np.array(times, np.int64) for name, times in taken.items()}
            yield Frame(samples, {"calls": sum(map(len, taken.values()))})


STYLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    BY_ROW: ({"color": INK, "linestyle": "--", "linewidth": 2, "at": 30}, {"marker": "s"}),
    BY_COLUMN: ({"color": CLOCK, "linewidth": 2.5, "at": 5}, {"marker": "o"}),
}
"""Of each engine: its line, the model's, and its points."""


def marks_of(engine: str) -> tuple[Line, ...]:
    """An engine's line by the model, its runs before, and this run."""
    line, points = STYLES[engine]
    points = {**points, "color": line["color"], "linestyle": "none"}
    return (
        Line(engine, model=lambda model: (ROWS, model.times[engine]) if engine in model.times else None, **line),
        Line(runs=before(median_of(engine), CHANGING), **points, markersize=4),
        Line(run=median_of(engine), **points, markersize=9),
    )


X = Axis("rows that are read", 0.7, 500_000, log=True, ticks=count_ticks)
SHOWN_NS = 4e6
TIMES = {10.0**-power: f"{BY_ROW} {10**power}×" for power in (1, 2)} | {1.0: "as fast"}
TIMES |= {10.0**power: f"{BY_COLUMN} {10**power}×" for power in (1, 2)}

CHARTS = (
    Chart(
        "Time of a query: predicted (lines), measured (points)",
        X,
        Axis("", 3e3, 2e9, log=True, ticks=duration_ticks),
        Rule("x", model=lambda model: model.crossing, color=MODEL, linestyle=":", linewidth=2),
        Rule("x", runs=crossed, color=MEASURED, linestyle="--", linewidth=2),
        *(mark for engine in STYLES for mark in marks_of(engine)),
        Label(model=lambda m: (m.crossing, 9e8, f"model: {count(m.crossing)} rows"), color=MODEL),
        Label(runs=lambda runs: (crossed(runs), 2e8, f"found: {count(crossed(runs))} rows"), color=MEASURED),
        columns=0,
        empty="The time of a query in each engine will appear here.",
    ),
    Chart(
        "Which is faster, and how many times as fast as the other",
        X,
        Axis("", 0.004, 250, log=True, ticks=TIMES),
        Rule("y", setting=lambda _: 1, color=PINNED, linestyle=":", linewidth=1.5),
        Line("model", model=lambda model: (ROWS, model.faster), **MODEL_LINE),
        Here("rows", lambda model: (ROWS, model.faster), log=True),
        *measured(faster_at, among=CHANGING, earlier="measured before"),
        columns=4,
        empty="Which engine is faster, and how many times, will appear here.",
    ),
)


def p50(run: Record, engine: str) -> Estimate:
    """The median of an engine's queries, of which there must be one, with its interval."""
    return summarise(run.column(column_of(engine)), percentiles=(0.5,)).percentiles[0.5]


def asked(chosen: Mapping[str, Any]) -> str:
    """What is asked for: `1 row × 19 columns`."""
    rows, columns = chosen["rows"], chosen["columns"]
    return f"{count(rows)} {'row' if rows == 1 else 'rows'} × {columns} {'column' if columns == 1 else 'columns'}"


def won(run: Record) -> str:
    """Which engine is faster; that they are alike; or that this run cannot tell."""
    found = winner(run)
    if found is None:
        return TOO_CLOSE
    return f"{found[0]} is {ratio_text(found[1])} as fast" if found[0] else "practically the same"


def say(record: Record) -> str:
    """Both medians, which is faster, and where the two should cross."""
    there = [name for name in STYLES if record.column(column_of(name)).size]
    medians = ", ".join(f"{name} {percentile_text(p50(record, name))}" for name in there)
    said = f"{asked(record.parameters)}: {medians}: {won(record)}."
    expected = crossing_here(record)
    return said if np.isnan(expected) else f"{said} By the model, {BY_COLUMN} is faster from {count(expected)} rows on."


def effect(record: Record) -> str | None:
    """One run in a headline; None where it cannot tell."""
    found = winner(record)
    if found is None:
        return None
    told = f"{found[0]} is {number(found[1].value)}× as fast" if found[0] else f"{BY_ROW} and {BY_COLUMN} are alike"
    return f"{asked(record.parameters)}: {told}."


def finding(record: Record, pinned: Record | None) -> str | None:
    """Which engine is faster; for both questions where the pinned run had another."""
    runs = [record] if pinned is None or pinned.parameters == record.parameters else [pinned, record]
    said = [effect(run) for run in runs]
    return " ".join(filter(None, said)) if said[-1] else None


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    engines = f"{BY_ROW} (rows) and {BY_COLUMN} (columns)"
    return f"{asked(chosen)}, at random places of a table of {count(MOST)} rows × {COLUMNS + 1}: {engines} in turns."


ROW_STORE, COLUMN_STORE, EACH, ALIKE = "SQLite, SQLite", "DuckDB, DuckDB", "SQLite, DuckDB", "no difference"


def who_wins(one_row: Record, all_rows: Record) -> Outcome | None:
    """Which engine is faster for one row, and which for all."""
    found = [winner(run) for run in (one_row, all_rows)]
    choices = {(BY_ROW, BY_COLUMN): EACH, (BY_ROW, BY_ROW): ROW_STORE, (BY_COLUMN, BY_COLUMN): COLUMN_STORE}
    choice = choices.get(tuple("" if each is None else each[0] for each in found))  # type: ignore[arg-type]
    if choice is None:
        return None
    return Outcome(choice, f"{won(one_row)} for one row, {won(all_rows)} for all rows")


PREDICTION = Prediction(
    question=f"A table of {count(MOST)} rows, in SQLite, which keeps rows together, and in DuckDB, which keeps columns together. "
    f"Which is faster for {COLUMNS} columns of one row, and which for one column of all rows?",
    choices={
        ROW_STORE: Answer(
            "It is light and quick to ask, but it steps through all rows, one after the other, and past all their columns.",
            "On this machine DuckDB took longer for all rows too, which is rare: look at the table below.",
        ),
        COLUMN_STORE: Answer(
            "It is built for reading much. Each query is planned for that first, which takes longer than to find a row.",
            "On this machine SQLite took longer for one row too, which is rare: look at the table below.",
        ),
        EACH: Answer(
            "One of the two came out faster for both here.",
            "DuckDB plans a query for a millisecond, and then reads thousands of values at a time from the columns in question. "
            "SQLite begins at once, and then takes some steps for each row and value.",
        ),
        ALIKE: Answer("Both files are in memory, but planning and reading cost each of them a different time."),
    },
    runs=({"rows": 1, "columns": COLUMNS}, {"rows": MOST, "columns": 1}),
    find=who_wins,
)


def lab() -> Lab:
    needs = column_of(BY_ROW)

    def each_value(run: Record, engine: str) -> str:
        values = run.parameters["rows"] * run.parameters["columns"]
        return duration(median_of(engine)(run)[1] / values)

    def rows_for(engine: str) -> tuple[str, Any]:
        def text(run: Record) -> str:
            return estimate_text(p50(run, engine)) if run.column(column_of(engine)).size else ""

        return f"{engine}, p50", text

    return Lab(
        question="One row or all of them?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "rows": values_slider(STEPS, 3_000, unit="rows"),
            "columns": slider(1, COLUMNS, 1, unit="columns"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=percentile_of(needs, f"{BY_ROW}'s p50"), needs=needs),
        table=table_of(
            *map(rows_for, ENGINES),
            ("faster", won),
            *((f"{engine}, for each value", lambda run, name=engine: each_value(run, name)) for engine in ENGINES),
            ("the two cross, by the model", lambda run: f"{count(crossing_here(run))} rows"),
            needs=needs,
        ),
        trust=trust_of(
            ("rounds", lambda run: count(run.column(needs).size)),
            *((f"{engine}, times the model's", against_model(engine)) for engine in ENGINES),
            needs=needs,
        ),
        finding=finding,
        scenario=scenario,
    )
