"""One row or all of them? The same table in a row store and in a column store, the same question to both, in turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from perflab.chapters.databases import rows_or_columns_model
from perflab.chapters.databases.rows_or_columns_model import (
    BY_COLUMN,
    BY_ROW,
    CHANGING,
    ROWS,
    SERVER,
    about,
    asked,
    crossed,
    faster_at,
    frame_of,
    median_of,
    p50,
    queries,
    winner,
    won,
)
from perflab.lab import Answer, Axis, Chart, Lab, Outcome, Prediction, Record, slider, values_slider
from perflab.lab.axes import count_ticks, duration_ticks
from perflab.lab.marks import Here, Label, Line, Rule, before, measured
from perflab.lab.palette import CLOCK, INK, MEASURED, MODEL, MODEL_LINE, PINNED
from perflab.lab.verdict import percentile_of, percentile_text, verdict_of
from perflab.measure import Frame, count, gc_paused, number
from perflab.systems.databases.tables import COLUMNS, MOST
from perflab.systems.servers.table_server import tables_here

SLICE_S = 0.1
STEPS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, MOST)


def experiment(rows: int, columns: int, seed: int) -> Iterator[Frame]:
    with tables_here() as (opened, facts):
        # Left out: the first query of each, which shows that all find the same.
        if len({table.sums(0, rows, columns) for table in opened.values()}) > 1:
            raise RuntimeError("The engines do not agree about the sums.")
        each = queries(opened, rows, columns, seed)
        while True:
            taken: dict[str, list[int]] = {name: [] for name in opened}
            ends = perf_counter() + SLICE_S
            with gc_paused(generation=0):
                while perf_counter() < ends:
                    name, took_ns = next(each)  # one of every engine, in random order, at a random place; and so on
                    taken[name].append(took_ns)
            yield frame_of(taken, facts)


STYLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    BY_ROW: ({"color": INK, "linestyle": "--", "linewidth": 2, "at": 5, "side": "below"}, {"marker": "s"}),
    BY_COLUMN: ({"color": CLOCK, "linewidth": 2.5, "at": 5}, {"marker": "o"}),
    SERVER: ({"color": PINNED, "linestyle": "-.", "linewidth": 1.8, "at": 5}, {"marker": "^"}),
}
"""Of each engine: its line, the model's, and its points."""


def marks_of(engine: str) -> tuple[Line, ...]:
    """An engine's line by the model, its runs before, and this run."""
    line, points = STYLES[engine]
    points = {**points, "color": line["color"], "linestyle": "none"}
    return (
        Line(engine, model=lambda model: (ROWS, model.times[engine]) if engine in model.times else None, **line),
        Line(runs=before(median_of(engine), CHANGING), **points, markersize=4),
        Line(engine, run=median_of(engine), **points, markersize=9),
    )


X = Axis("rows that are read", 0.7, 500_000, log=True, ticks=count_ticks)
TOP_NS = 6e8
TIMES = {10.0**-power: f"{BY_ROW} {10**power}×" for power in (1, 2)} | {1.0: "equal"}
TIMES |= {10.0**power: f"{BY_COLUMN} {10**power}×" for power in (1, 2)}

CHARTS = (
    Chart(
        "Time of a query (lines: by the model)",
        X,
        Axis("", 4e3, 1.5e9, log=True, ticks=duration_ticks),
        Rule("x", model=lambda model: model.crossing, color=MODEL, linestyle=":", linewidth=2),
        Rule("x", runs=crossed, color=MEASURED, linestyle="--", linewidth=2),
        *(mark for engine in STYLES for mark in marks_of(engine)),
        Label(model=lambda m: (m.crossing, TOP_NS, f"model: {about(m.crossing)}"), side="left", color=MODEL),
        Label(runs=lambda runs: (crossed(runs), TOP_NS / 3, f"found: {about(crossed(runs))}"), color=MEASURED),
        columns=3,
        empty="Each engine's time for a query will appear here.",
    ),
    Chart(
        "Which engine is faster, and how much",
        X,
        Axis("", 0.004, 250, log=True, ticks=TIMES),
        Rule("y", setting=lambda _: 1, color=PINNED, linestyle=":", linewidth=1.5),
        Line("model", model=lambda model: (ROWS, model.faster), **MODEL_LINE),
        Here("rows", lambda model: (ROWS, model.faster), log=True),
        *measured(faster_at, among=CHANGING),
        columns=4,
        empty="Which engine is faster will appear here.",
    ),
)


def say(record: Record) -> str:
    """Both medians, which is faster, and where the two should cross."""
    there = [name for name in STYLES if record.column(rows_or_columns_model.column_of(name)).size]
    medians = ", ".join(f"{name} {percentile_text(p50(record, name))}" for name in there)
    said = f"{asked(record.parameters)}: {medians}: {won(record)}."
    expected = rows_or_columns_model.crossing_here(record)
    return said if np.isnan(expected) else f"{said} By the model, {BY_COLUMN} is faster from {about(expected)} rows on."


def effect(record: Record, against: bool = True) -> str:
    """One run in a headline, and `against` which other engine; empty where it cannot tell."""
    found = winner(record)
    if found is None:
        return ""
    other = f" as {BY_ROW if found[0] == BY_COLUMN else BY_COLUMN}" if against else ""
    told = (
        f"{found[0]} is {number(found[1].value)}× as fast{other}" if found[0] else f"{BY_ROW} and {BY_COLUMN} are alike"
    )
    return f"{asked(record.parameters)}: {told}."


def finding(record: Record, pinned: Record | None) -> str | None:
    """Which engine is faster; for both queries where the pinned run had another."""
    if pinned is None or pinned.parameters == record.parameters or not effect(pinned):
        return effect(record) or None
    return f"{effect(pinned, False)} {effect(record, False)}" if effect(record) else None


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    return f"Sums of {asked(chosen)} at a random place of {count(MOST)} rows × {COLUMNS + 1}, in each engine in turns."


ROW_STORE, COLUMN_STORE = f"{BY_ROW} for both", f"{BY_COLUMN} for both"
EACH, REVERSED = f"{BY_ROW} the row, {BY_COLUMN} the column", f"{BY_COLUMN} the row, {BY_ROW} the column"


def who_wins(one_row: Record, all_rows: Record) -> Outcome | None:
    """Which engine is faster for one row, and which for one column of all."""
    first, second = winner(one_row), winner(all_rows)
    choices = {(BY_ROW, BY_ROW): ROW_STORE, (BY_COLUMN, BY_COLUMN): COLUMN_STORE, (BY_ROW, BY_COLUMN): EACH}
    if first is None or second is None or (first[0], second[0]) not in choices:
        return None
    return Outcome(choices[first[0], second[0]], f"{won(one_row)} for one row, {won(all_rows)} for all rows")


RARE = "That is rare. The table below the chart tells what each took here."
PREDICTION = Prediction(
    question=f"{count(MOST)} rows in {BY_ROW}, which keeps rows together, and in {BY_COLUMN}, which keeps columns together. "
    f"Which is faster for {COLUMNS} columns of one row, and which for one column of all rows?",
    choices={
        ROW_STORE: Answer(
            f"{BY_ROW} starts at once, but it steps through all rows one by one, and past the columns that nothing asks for.",
            RARE,
        ),
        COLUMN_STORE: Answer(
            f"{BY_COLUMN} reads fast once it reads. First it plans each query anew, which takes far longer than to find a row.",
            RARE,
        ),
        EACH: Answer(
            "Here it came out otherwise.",
            f"{BY_COLUMN} takes far longer to plan a query than to read a row; then it reads thousands of values at a time. "
            f"{BY_ROW} has its plan ready and the row in one place, but takes some steps for every further row.",
        ),
        REVERSED: Answer(
            "A row lies in one place in a row store, and a column in a column store: not the other way round."
        ),
    },
    runs=({"rows": 1, "columns": COLUMNS}, {"rows": MOST, "columns": 1}),
    find=who_wins,
)


def lab() -> Lab:
    needs = rows_or_columns_model.column_of(BY_ROW)
    return Lab(
        question="One row or all of them?",
        experiment=experiment,
        calibrate=rows_or_columns_model.calibrate,
        predict=rows_or_columns_model.predict,
        controls={
            "rows": values_slider(STEPS, 3_000, unit="rows"),
            "columns": slider(1, COLUMNS, 1, unit="columns"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=percentile_of(needs, f"{BY_ROW}'s p50"), needs=needs),
        table=rows_or_columns_model.TABLE,
        trust=rows_or_columns_model.TRUST,
        finding=finding,
        scenario=scenario,
    )
