"""The table of people."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from perflab.measure.guards import BadInput
from perflab.systems.databases.people import STRIDES, name_of, people_table


@pytest.mark.parametrize("rows", [1, 2, 100, 1_000, STRIDES[0], 2 * STRIDES[0], 3 * STRIDES[0] + 1])
@pytest.mark.parametrize("indexed", [True, False])
def test_every_name_is_found_once_whatever_the_index(rows: int, indexed: bool) -> None:
    with people_table(rows, indexed) as table:
        for number in {0, rows // 2, rows - 1}:
            assert table.find(name_of(number))[1] == name_of(number)
        keys = {table.find(name_of(number))[0] for number in range(min(rows, 300))}
        assert len(keys) == min(rows, 300)
        with pytest.raises(LookupError):
            table.find(name_of(rows))


def test_the_index_changes_the_plan_and_not_the_answer() -> None:
    with people_table(500, True) as fast, people_table(500, False) as slow:
        assert [fast.find(name_of(n)) for n in range(500)] == [slow.find(name_of(n)) for n in range(500)]
        plans = [
            table._connection.execute("explain query plan select id from people where name = 'x'").fetchone()[3]
            for table in (fast, slow)
        ]
        assert "USING COVERING INDEX by_name" in plans[0] and plans[1].startswith("SCAN")


def test_a_row_is_found_by_its_key() -> None:
    with people_table(10) as table:
        assert table.find_by_id(3)[0] == 3
        with pytest.raises(LookupError, match="key 11"):
            table.find_by_id(11)


@pytest.mark.parametrize("rows", [0, -1, 1.5, 10**7, "many", float("nan")])
def test_rows_out_of_range_are_refused(rows: Any) -> None:
    with pytest.raises(BadInput, match="rows must be a whole number from 1 to 1,000,000"), people_table(rows):
        pass


def test_nothing_is_left_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with people_table(10):
        assert len(list(tmp_path.glob("perflab-people-*"))) == 1
    assert list(tmp_path.iterdir()) == []
