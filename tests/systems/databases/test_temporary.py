"""A database in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.systems.databases.temporary import temporary


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
