"""The cost of look-ups: counted in a real tree, and recovered from measurements."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.theory.btree import FAN_OUT, QueryCosts, calibrate, levels

COSTS = QueryCosts(statement_ns=1_500, level_ns=300, row_ns=40, item_ns=100)
SIZES = np.array([100, 1_000, 10_000, 100_000])


def test_calibration_recovers_the_constants_from_noisy_measurements() -> None:
    generator = np.random.default_rng(1)
    noise = generator.normal(1, 0.02, (2, SIZES.size))
    found = calibrate(SIZES, COSTS.indexed(SIZES) * noise[0], SIZES, COSTS.scanned(SIZES) * noise[1])
    assert found.row_ns == pytest.approx(COSTS.row_ns, rel=0.05)
    assert found.indexed(10_000) == pytest.approx(COSTS.indexed(10_000), rel=0.05)


@given(st.floats(100, 1e5), st.floats(1, 1e4), st.floats(1, 1e3))
def test_calibration_is_exact_without_noise(statement: float, level: float, row: float) -> None:
    costs = QueryCosts(statement, level, row)
    found = calibrate(SIZES, costs.indexed(SIZES), SIZES, costs.scanned(SIZES))
    assert found.scanned(SIZES) == pytest.approx(costs.scanned(SIZES), rel=1e-6)
    assert found.indexed(SIZES) == pytest.approx(costs.indexed(SIZES), rel=1e-6)


def test_no_constant_is_negative_even_if_larger_trees_happened_to_be_faster() -> None:
    found = calibrate(SIZES, [2_000, 1_900, 1_800, 1_700], SIZES, COSTS.scanned(SIZES))
    assert found.level_ns == 0
    assert found.statement_ns > 0 and found.row_ns == pytest.approx(40, rel=0.2)


def test_one_size_is_not_enough() -> None:
    with pytest.raises(ValueError, match="two different numbers of rows"):
        calibrate([100], [2_000], [100], [3_000])


@pytest.mark.parametrize("rows", [1_000, 20_000, 200_000])
def test_levels_are_those_of_a_real_index_give_or_take_one(rows: int) -> None:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table t (id integer primary key, number integer)")
        connection.executemany("insert into t (number) values (?)", ((n * 7_919 % rows,) for n in range(rows)))
        connection.execute("create index i on t (number)")
        pages = connection.execute("select rootpage from sqlite_master where name = 'i'").fetchone()
        assert pages
        real = depth_of_index(connection)
    connection.close()
    assert levels(rows) == pytest.approx(real, abs=1)


def depth_of_index(connection: sqlite3.Connection) -> int:
    image = connection.serialize()
    size = connection.execute("pragma page_size").fetchone()[0]
    page = connection.execute("select rootpage from sqlite_master where name = 'i'").fetchone()[0]
    depth = 1
    # Interior index pages begin with 2 and end their header with the rightmost child (sqlite.org/fileformat2).
    while image[(page - 1) * size] == 2:
        at = (page - 1) * size
        page = int.from_bytes(image[at + 8 : at + 12], "big")
        depth += 1
    return depth


def test_a_scan_grows_with_the_rows_and_a_tree_with_their_logarithm() -> None:
    assert COSTS.scanned(10**6) / COSTS.scanned(10**5) == pytest.approx(10, rel=0.01)
    assert COSTS.indexed(10**6) / COSTS.indexed(10**4) < 1.5
    assert levels([0, 1, 100, 10_000], fan_out=100) == pytest.approx([1, 1, 1, 2])


@pytest.mark.long
@pytest.mark.parametrize("rows", [10_000, 200_000])
def test_a_page_of_a_real_index_holds_about_as_many_entries_as_assumed(rows: int, tmp_path: Path) -> None:
    sizes = []
    for index in ("", "create unique index i on t (number)"):
        path = tmp_path / f"{bool(index)}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("create table t (id integer primary key, number integer)")
            connection.executemany("insert into t (number) values (?)", ((n * 7_919 % rows,) for n in range(rows)))
            connection.execute(index)
            connection.commit()
        sizes.append(path.stat().st_size / 4_096)
    assert rows / (sizes[1] - sizes[0]) == pytest.approx(FAN_OUT, rel=0.2)


def test_n_plus_one_pays_the_statement_again_for_each_item() -> None:
    saved = COSTS.one_by_one(20, 10_000) - COSTS.joined(20)
    assert saved == pytest.approx(20 * (COSTS.indexed(10_000) - COSTS.item_ns))
