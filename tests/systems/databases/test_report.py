"""A report over a real file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from perflab.systems.databases import report


def total(days: int) -> int:
    """What SQLite should find."""
    return sum((n * 7919) % 1000 * (day % 89) % 97 for day in range(days) for n in range(report.PRODUCTS))


def test_a_report_is_right(tmp_path: Path) -> None:
    report.create(tmp_path / "report.db")
    with closing(report.Reports(tmp_path / "report.db")) as reports:
        assert reports.report(3) == total(3) and reports.report(10) == total(10)


def test_it_looks_now_and_then_and_is_given_up_where_that_raises(tmp_path: Path) -> None:
    report.create(tmp_path / "report.db")
    seen: list[int] = []
    with closing(report.Reports(tmp_path / "report.db", lambda: seen.append(1))) as reports:
        reports.report(100)
    assert len(seen) > 2

    def fails() -> None:
        raise RuntimeError

    with (
        closing(report.Reports(tmp_path / "report.db", fails)) as reports,
        pytest.raises(sqlite3.OperationalError, match="interrupted"),
    ):
        reports.report(100)


@pytest.mark.process
def test_it_knows_how_much_it_does_in_a_millisecond_and_leaves_no_file() -> None:
    with report.reports() as reports:
        path = Path(reports._connection.execute("pragma database_list").fetchone()[2])
        assert path.exists() and reports.days_per_ms() > 1
    assert not path.exists()
