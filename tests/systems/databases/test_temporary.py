"""A database in a temporary folder, and its rows."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from perflab.systems.databases.temporary import fill, kept, quick_connection, temporary


class Opened:
    def __init__(self, path: Path) -> None:
        self.path, self.is_closed = path, False
        path.write_text("rows")

    def close(self) -> None:
        self.is_closed = True


def test_it_is_closed_and_its_folder_is_gone_also_when_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError), temporary("things", Opened) as opened:
        assert opened.path.read_text() == "rows" and opened.path.name == "things.db"
        raise ZeroDivisionError
    assert opened.is_closed and not opened.path.parent.exists()


@pytest.mark.parametrize("rows", [1, 2, 1_000])
def test_a_table_is_filled_by_the_number_of_each_row(tmp_path: Path, rows: int) -> None:
    with closing(quick_connection(tmp_path / "numbers.db")) as connection:
        connection.execute("create table squares (n integer primary key, square integer)")
        fill(connection, "squares", "n, n * n", rows)
        assert connection.execute("select * from squares").fetchall() == [(n, n * n) for n in range(rows)]
        assert connection.execute("pragma synchronous").fetchone() == (0,)
        assert connection.execute("pragma journal_mode").fetchone() == ("off",)


def test_a_kept_file_is_made_once_and_nothing_is_left_of_one_that_fails(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        path.with_name(f"{path.name}-log").write_text("its log")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        kept(tmp_path / "rows.db", fail)
    assert list(tmp_path.iterdir()) == []
    for content in ("first", "second"):
        made = kept(tmp_path / "rows.db", lambda path, content=content: path.write_text(content))
        assert made.read_text() == "first" and list(tmp_path.iterdir()) == [made]
