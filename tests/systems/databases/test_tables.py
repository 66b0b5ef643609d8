"""One table in several engines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.measure.guards import BadInput
from perflab.systems.databases import tables as made
from perflab.systems.databases.tables import COLUMNS, ENGINES, MOST, Table, question, tables

ROWS = 5_000
linux = pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited there")


@pytest.fixture(scope="module")
def opened() -> Iterator[dict[str, Table]]:
    with tables(rows=ROWS) as each:
        yield each


def expected(first: int, rows: int, columns: int) -> tuple[int, ...]:
    """What the formula of the values gives."""
    numbers = range(first, first + rows)
    return tuple(sum(n * (7_919 + 2 * column) % 1_000 for n in numbers) for column in range(1, columns + 1))


@pytest.mark.long
@given(first=st.integers(0, ROWS - 1), rows=st.integers(1, ROWS), columns=st.integers(1, COLUMNS))
def test_every_engine_gives_the_sums_of_these_columns_of_these_rows(
    opened: dict[str, Table], first: int, rows: int, columns: int
) -> None:
    there = min(rows, ROWS - first)
    answers = {name: table.sums(first, there, columns) for name, table in opened.items()}
    assert set(answers) == set(ENGINES) and set(answers.values()) == {expected(first, there, columns)}


def test_the_question_is_the_same_for_all_but_for_the_marks_of_its_values() -> None:
    assert question(2) == "select sum(c1), sum(c2) from readings where id >= ? and id < ?"
    assert question(2, "%s") == question(2).replace("?", "%s")


def test_a_table_is_made_once() -> None:
    with tables(rows=7):
        files = sorted(Path(made._folder().name).glob("7.*"))
        before = [each.stat().st_mtime_ns for each in files]
    with tables(rows=7):
        assert [each.stat().st_mtime_ns for each in files] == before
    assert [each.suffix for each in files] == [".duckdb", ".sqlite"]


def test_two_runs_in_turns_have_a_connection_each() -> None:
    with tables(rows=20) as one, tables(rows=20) as other:
        assert {table.sums(3, 10, 2) for table in (*one.values(), *other.values())} == {expected(3, 10, 2)}


@pytest.mark.parametrize("rows", [0, 1.5, MOST + 1, float("nan"), "many"])
def test_a_number_of_rows_out_of_range_is_refused_before_anything_is_written(rows: float) -> None:
    with pytest.raises(BadInput, match="rows"), tables(rows=rows):  # type: ignore[arg-type]
        pass


def test_duckdb_is_held_to_one_thread_and_to_a_bounded_memory(opened: dict[str, Table]) -> None:
    asked = opened["DuckDB"]._connection.execute("select current_setting('threads'), current_setting('memory_limit')")  # type: ignore[attr-defined]
    threads, memory = asked.fetchone()
    assert threads == 1 and memory.startswith("122")  # MiB


def test_what_was_cut_off_half_way_is_neither_left_nor_used() -> None:
    half = Path(made._folder().name) / "9.part"
    half.write_bytes(b"half a file")
    with pytest.raises(OSError, match="table of 9 rows cannot be written for SQLite"), tables(rows=9):
        pass
    assert not half.exists()
    with tables(rows=9) as each:
        assert each["SQLite"].sums(0, 9, 1) == expected(0, 9, 1)


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder)}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)


OPEN = """
from perflab.systems.databases.tables import *
from perflab.systems.databases import tables as module
try:
    with tables({engines}, rows=50_000) as each:
        print(*(table.sums(49_000, 1_000, 1) for table in each.values()))
except OSError as error:
    print(error)
print(sorted(file.name for file in Path(module._folder().name).iterdir()))
"""


@pytest.mark.process
def test_the_files_go_away_with_the_process(tmp_path: Path) -> None:
    done = run(OPEN.format(engines="ENGINES"), tmp_path)
    assert "['50000.duckdb', '50000.sqlite']" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


@linux
@pytest.mark.process
@pytest.mark.parametrize("engine", ENGINES)
def test_a_disk_without_room_is_told_in_words_and_nothing_is_left(engine: str, tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    done = run(limit + OPEN.format(engines=f"{{{engine!r}: ENGINES[{engine!r}]}}"), tmp_path)
    assert f"The table of 50,000 rows cannot be written for {engine}" in done.stdout, done.stderr
    assert "Free some space" in done.stdout and done.stdout.rstrip().endswith("[]")
    assert list(tmp_path.iterdir()) == []
