"""The ledger: whatever happens to a batch, each row is there once or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from perflab.systems.databases.ledger import Ledger, ledger


def test_a_batch_with_a_bad_row_loses_none_of_the_others_and_writes_none_twice() -> None:
    with ledger() as table:
        assert table.write([(0, 1), (1, 1)]) == []
        assert table.write([(2, 1), (3, 0), (4, 1)]) == [3]
        assert table.write([(4, 1), (5, 1)]) == [4], "a number that is there already is not written again"
        assert table.write([(6, 0)]) == [6]
        assert table.count() == 5


def test_only_what_is_really_committed_is_counted() -> None:
    with ledger() as table:
        table.write([(0, 1), (1, 1)])
        assert table.commits == 1
        table.write([(number, 0 if number == 50 else 1) for number in range(2, 102)])
        assert table.commits == 1 + 99, "one bad row of a hundred: a commit for each of the others"
        table.write([(200, 0)])
        assert table.commits == 1 + 99


def test_a_batch_that_fails_for_another_reason_is_raised_and_leaves_nothing(tmp_path: Path) -> None:
    table = Ledger(tmp_path / "ledger.db")
    table.write([(0, 1)])
    with pytest.raises(sqlite3.ProgrammingError):
        table.write([(1, 1), (2,)])  # type: ignore[list-item]
    assert table.count() == 1
    assert table.write([(1, 1)]) == []
    table.close()


def test_rows_are_on_the_disk_when_the_write_returns(tmp_path: Path) -> None:
    table = Ledger(tmp_path / "ledger.db")
    table.write([(0, 1), (1, 1)])
    other = sqlite3.connect(tmp_path / "ledger.db")
    assert other.execute("select count(*) from ledger").fetchone() == (2,)
    assert table._connection.execute("pragma synchronous").fetchone() == (2,)
    other.close()
    table.close()
