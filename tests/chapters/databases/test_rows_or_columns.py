"""The lab on rows and columns: which engine is faster for one row and for all, and where the two cross."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import corpus
import numpy as np
import pytest
from drawing import check_shows_all_and_can_be_emptied, drawn, points
from dying_servers import LAST_WORDS
from labs import constants_of, measure
from predictions import assert_each_comment_fits
from relations import two_of_three
from turns import side_by_side

from perflab.chapters.databases import rows_or_columns as lab_of
from perflab.chapters.databases import rows_or_columns_model as model_of
from perflab.chapters.databases.rows_or_columns_model import BY_COLUMN, BY_ROW, SERVER, column_of, constant
from perflab.lab import Outcome, Record
from perflab.lab.verdict import INVALID
from perflab.measure.frame import Frame
from perflab.systems.databases.tables import COLUMNS, MOST, Table
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.theory.scans import QueryCost

LAB = lab_of.lab()
NAME = "databases.rows_or_columns"
KNOWN = {BY_ROW: QueryCost(15e3, 0.0, 50.0, 40.0), BY_COLUMN: QueryCost(550e3, 85e3, 3.0, 1.3)}
"""ns, as on a calm machine: they cross at 7,235 rows of one column, at 2,748 of 19."""
CONSTANTS = {
    constant(engine, rows, columns): float(cost.of(rows, columns))
    for engine, cost in KNOWN.items()
    for columns in (1, COLUMNS)
    for rows in (1, model_of.MANY[engine])
}
NOT_COMPARED = 3e5
CONSTANTS[constant(BY_COLUMN, MOST, 1)] = float(KNOWN[BY_COLUMN].of(MOST, 1)) - NOT_COMPARED


def record(rows: int = 1, columns: int = 1, by_row: float = 1.0, by_column: float = 1.0, rounds: int = 11) -> Record:
    """Rounds that scatter by 1% around so many times what the engines cost."""
    scatter = np.linspace(0.99, 1.01, rounds)
    times = {BY_ROW: by_row, BY_COLUMN: by_column}
    samples = {column_of(each): KNOWN[each].of(rows, columns) * share * scatter for each, share in times.items()}
    frame = Frame(samples, {"calls": 2 * rounds})
    chosen = {"rows": rows, "columns": columns}
    return Record("rows_or_columns", chosen, 1, "", frame, 2.0, "complete", constants=CONSTANTS)


@pytest.mark.clock
def test_a_row_is_faster_in_the_row_store_and_a_column_in_the_column_store() -> None:
    click = corpus.click(NAME)
    assert click.outcome is not None and click.outcome.choice == lab_of.EACH
    one, every = (model_of.faster(run) for run in click.records)
    assert one is not None and every is not None and one.value < 1 / 4 and every.value > 4


@pytest.mark.clock
def test_the_times_cross_near_where_the_model_says() -> None:
    def ratios() -> tuple[float, float]:
        """At half the rows of the crossing, and at twice as many, of what was calibrated just before."""
        expected = LAB.model(LAB.check({}), constants_of(LAB)).crossing
        low, high = (
            corpus.record_of(LAB, each, corpus.measure_slices(LAB, 0.3, **each))
            for each in ({"rows": round(expected / 2)}, {"rows": round(2 * expected)})
        )
        return model_of.faster_at(low)[1], model_of.faster_at(high)[1]

    two_of_three(ratios, lambda found: found[0] < 1 < found[1], "they cross within ×2 of where the model says")


@pytest.mark.process
def test_a_run_that_is_left_in_the_middle_closes_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    for engine in model_of.ENGINES.values():
        monkeypatch.setattr(engine, "close", lambda table, close=engine.close: (closed.append(table), close(table)))  # type: ignore[attr-defined]
    slices = LAB.experiment(rows=10, columns=1, seed=1)
    next(slices)
    slices.close()  # type: ignore[attr-defined]
    assert len(closed) == len(model_of.ENGINES)


class Told:
    """A table that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []

    def sums(self, first: int, rows: int, columns: int) -> tuple[int, ...]:
        self.asked.append((first, rows, columns))
        return (len(self.asked),)

    def close(self) -> None:
        pass


def test_each_round_asks_every_engine_once_for_the_same_rows_in_a_random_order() -> None:
    one, other = Told(), Told()
    opened: dict[str, Table] = {"one": one, "other": other}
    each = model_of.queries(opened, 100, 3, seed=1)
    names = [next(each)[0] for _ in range(200)]
    warm, asked = one.asked[::2], one.asked[1::2]
    assert one.asked == other.asked and warm == [(first, 1, 3) for first, *_ in asked]
    assert {each[1:] for each in asked} == {(100, 3)}
    assert {*map(tuple, zip(names[::2], names[1::2], strict=True))} == {
        ("one", "other"),
        ("other", "one"),
    }
    places = [first for first, *_ in asked]
    assert len(set(places)) > 90 and min(places) >= 0 and max(places) <= MOST - 100
    assert [next(model_of.queries({"one": one}, MOST, 1, seed=1))[0], one.asked[-1]] == ["one", (0, MOST, 1)]


@pytest.mark.process
def test_engines_that_do_not_agree_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_of.ENGINES[BY_ROW], "sums", lambda *_: (0,))
    with pytest.raises(RuntimeError, match="do not agree"):
        measure(LAB, 0.1, rows=10)


def test_the_model_is_the_cost_of_each_engine_and_crosses_where_they_are_equal() -> None:
    for columns, rows in ((1, 7_235), (5, 3_992), (19, 2_748)):
        model = LAB.model(LAB.check({"columns": columns}), CONSTANTS)
        assert model.crossing == pytest.approx(rows, abs=1)
        for engine, cost in KNOWN.items():
            assert model.times[engine][:-1] == pytest.approx(cost.of(model_of.ROWS[:-1], columns))
        assert model.times[BY_ROW][-1] == pytest.approx(KNOWN[BY_ROW].of(MOST, columns))
        assert model.times[BY_COLUMN][-1] == pytest.approx(KNOWN[BY_COLUMN].of(MOST, columns) - NOT_COMPARED)
        assert float(np.interp(rows, model_of.ROWS, model.faster)) == pytest.approx(1, rel=0.01)


def test_a_run_says_both_times_which_is_faster_and_where_they_should_cross() -> None:
    said = LAB.verdict(record(1, 19), None).text
    assert said.startswith("1 row × 19 columns: SQLite p50 16 µs")
    assert "DuckDB p50 2.2 ms" in said and "SQLite is 137× (" in said and "from 2,700 rows on." in said
    assert LAB.found(record(1, 19), None) == "1 row × 19 columns: SQLite is 137× as fast as DuckDB."
    every = LAB.verdict(record(MOST), None).text
    assert "300,000 rows × 1 column: SQLite p50 27 ms" in every and "DuckDB is 14.0× (" in every


def test_two_queries_share_a_headline() -> None:
    one, every = side_by_side(record(1, 19), record(MOST))
    both = "1 row × 19 columns: SQLite is 137× as fast. 300,000 rows × 1 column: DuckDB is 14× as fast."
    assert LAB.found(every, one) == both
    alone = "300,000 rows × 1 column: DuckDB is 14× as fast as SQLite."
    assert LAB.found(record(MOST), record(1, 19)) == alone, "not in turns"
    assert lab_of.finding(record(MOST), record(1, 19, rounds=3)) == alone, "the other cannot tell"


def test_engines_that_take_the_same_time_are_said_to_be_alike() -> None:
    alike = record(100, by_row=float(KNOWN[BY_COLUMN].of(100, 1) / KNOWN[BY_ROW].of(100, 1)))
    assert model_of.won(alike) == "practically the same"
    assert LAB.found(alike, None) == "100 rows × 1 column: SQLite and DuckDB are alike."


def test_few_rounds_decide_nothing() -> None:
    few = record(rounds=3)
    assert model_of.winner(few) is None and LAB.found(few, None) == ""
    assert "too close to call" in LAB.verdict(few, None).text


@pytest.mark.parametrize(
    ("one", "every", "choice"),
    [
        (record(1, 19), record(MOST), lab_of.EACH),
        (record(1, 19), record(MOST, by_column=30), lab_of.ROW_STORE),
        (record(1, 19, by_row=300), record(MOST), lab_of.COLUMN_STORE),
        (record(1, 19, by_row=300), record(MOST, by_column=30), None),
        (record(1, 19, rounds=3), record(MOST), None),
    ],
)
def test_the_question_is_settled_by_which_is_faster_for_each(one: Record, every: Record, choice: str | None) -> None:
    found: Outcome | None = lab_of.PREDICTION.outcome(side_by_side(one, every), LAB.check)
    assert (found and found.choice) == choice
    if found is not None:
        assert_each_comment_fits(lab_of.PREDICTION, found)
        assert "for one row, " in found.measured and found.measured.endswith("for all rows")


def test_the_tables_tell_each_engine_and_how_far_it_is_from_the_model() -> None:
    rows = dict(LAB.table(record(1_000, 10), None))
    assert rows["SQLite, p50"].startswith("465 µs") and rows["DuckDB, p50"].startswith("1.4 ms")
    assert rows["SQLite, time for each value"] == "46 ns" and rows["DuckDB, time for each value"] == "142 ns"
    assert rows["DuckDB faster by the model from"] == "3,200 rows"
    trust = dict(LAB.trust(record(1_000, 10, by_row=1.2), None))
    assert trust["rounds"] == "11" and trust["SQLite, p50 over the model's"] == "1.2×"
    assert trust["DuckDB, p50 over the model's"] == "1.0×"


def test_what_is_not_known_is_left_out() -> None:
    nothing = Record("rows_or_columns", LAB.check({}), 1, "")
    assert LAB.verdict(nothing, None).kind == INVALID and LAB.table(nothing, None) == []
    assert model_of.faster(nothing) is None and np.isnan(model_of.faster_at(nothing)[1])
    unknown = dataclasses.replace(record(), constants={})
    assert "By the model" not in LAB.verdict(unknown, None).text
    assert dict(LAB.trust(unknown, None))["SQLite, p50 over the model's"] == "–"
    half = dataclasses.replace(record(), frame=Frame({column_of(BY_ROW): np.arange(1, 9)}))
    assert "DuckDB" not in LAB.verdict(half, None).text.partition("By the model")[0]
    assert dict(LAB.table(half, None))["DuckDB, p50"] == ""


def test_the_crossing_is_found_among_runs_of_as_many_columns() -> None:
    runs = [record(rows) for rows in (1, 1_000, 10_000, 100_000)]
    assert model_of.crossed(runs) == pytest.approx(7_235, rel=0.2)
    assert np.isnan(model_of.crossed([*runs, record(1, 19)])) and np.isnan(model_of.crossed(runs[:2]))
    assert model_of.about(7_254) == "7,300" and model_of.about(np.nan) == "–"


@pytest.mark.parametrize("columns", [1, 5, COLUMNS])
@pytest.mark.parametrize(("by_row", "by_column"), [(1.0, 1.0), (1.3, 1.0), (1.0, 1.3)])
def test_the_crossing_that_a_learner_finds_is_within_twice_the_models(
    columns: int, by_row: float, by_column: float
) -> None:
    """At the steps of the slider, also where an engine takes a third longer than it did in the calibration."""
    expected = LAB.model(LAB.check({"columns": columns}), CONSTANTS).crossing
    found = model_of.crossed([record(rows, columns, by_row, by_column) for rows in lab_of.STEPS])
    assert expected / 2 < found < 2 * expected


def test_lines_points_and_crossings_are_on_the_charts() -> None:
    runs = [record(rows) for rows in (1, 30_000, 3_000)]
    left, artists = drawn(lab_of.CHARTS[0])
    chosen = LAB.check({})
    left.show_model(chosen, LAB.model(chosen, CONSTANTS))
    left.show_run(runs[-1], runs)
    for engine, cost in KNOWN.items():
        assert points(artists[engine]) == [(3_000, pytest.approx(float(cost.of(3_000, 1))))]
    check_shows_all_and_can_be_emptied(lab_of.CHARTS[1], runs[0], runs[1], chosen, LAB.model(chosen, CONSTANTS))


def test_the_time_is_compared_with_the_pinned_run() -> None:
    now, pinned = side_by_side(record(30_000), record(3_000))
    found: Any = LAB.verdict(now, pinned)
    assert "SQLite's p50 is 9.53×" in found.text and "above the pinned run" in found.text


@pytest.mark.process
@pytest.mark.parametrize("why", ["is not installed", "does not start"])
def test_without_postgresql_the_rest_is_measured_and_the_table_says_why(
    why: str, monkeypatch: pytest.MonkeyPatch, dying: Callable[..., None]
) -> None:
    if why == "is not installed":
        monkeypatch.setattr(type(POSTGRESQL), "find", lambda self: None)
    else:
        dying("postgres", "initdb")
    measured = lab_of.experiment(rows=1, columns=1, seed=1)
    without = dataclasses.replace(record(), frame=next(measured))
    measured.close()  # type: ignore[attr-defined]
    assert {*without.frame.samples} == {column_of(BY_ROW), column_of(BY_COLUMN)}
    assert dict(LAB.table(without, None))["PostgreSQL, p50"] == "not measured here"
    said = dict(LAB.trust(without, None))["PostgreSQL"]
    assert said.startswith(f"PostgreSQL {why}, so it is not measured here.")
    assert ("apt install postgresql" in said) != (LAST_WORDS in said)


@pytest.mark.process
def test_a_calibration_leaves_out_what_does_not_start(
    monkeypatch: pytest.MonkeyPatch, dying: Callable[..., None]
) -> None:
    dying("postgres", "initdb")
    monkeypatch.setattr(model_of, "VISITS", 1)
    monkeypatch.setattr(model_of, "VISIT_S", 0.0)  # even then each engine has its turn
    *_, last = model_of.calibrate()
    assert last.facts.keys() == CONSTANTS.keys()


def test_where_it_is_installed_its_time_stands_beside_the_others() -> None:
    taken = {BY_ROW: [15_000] * 20, BY_COLUMN: [600_000] * 20, SERVER: [79_000] * 20}
    frame = model_of.frame_of(taken, {})
    assert frame.counts == {"calls": 60} and not frame.facts
    beside = dataclasses.replace(record(), frame=frame)
    assert "PostgreSQL p50 79 µs" in LAB.verdict(beside, None).text
    assert dict(LAB.table(beside, None))["PostgreSQL, time for each value"] == "79 µs"
    corners = {constant(SERVER, rows, columns): 97e3 + rows * 155.0 for rows in (1, 30_000) for columns in (1, COLUMNS)}
    model = LAB.model(LAB.check({}), {**CONSTANTS, **corners})
    assert model.times[SERVER] == pytest.approx(97e3 + 155 * model_of.ROWS)
