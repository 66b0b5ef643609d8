"""DuckDB keeps to one thread and to the memory that it is given."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from perflab.systems.databases.duck import open_duckdb


def test_it_is_bounded_and_what_may_only_be_read_is_not_written(tmp_path: Path) -> None:
    with closing(open_duckdb(tmp_path / "rows.duckdb", "64MB")) as connection:
        connection.execute("create table rows (n integer)")
        settings = ("threads", "memory_limit", "autoinstall_known_extensions")
        asked = ", ".join(f"current_setting('{name}')" for name in settings)
        assert connection.execute(f"select {asked}").fetchone() == (1, "61.0 MiB", False)
    reading = open_duckdb(tmp_path / "rows.duckdb", "64MB", read_only=True)
    with closing(reading), pytest.raises(duckdb.Error, match="read-only"):
        reading.execute("insert into rows values (1)")
