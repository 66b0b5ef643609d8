"""A writer beside a report: it waits for the reader with a rollback journal, and does not in WAL mode."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from relations import assert_more

from perflab.measure import percentile
from perflab.systems.databases.beside_a_scan import DELETE, JOURNALS, WAL, WRITE, file_of, write_times_ns
from perflab.systems.databases.report import REPORT


@pytest.mark.parametrize("journal", JOURNALS)
def test_only_a_rollback_journal_makes_a_commit_wait_for_a_reader(journal: str) -> None:
    """The fact without a clock: a reader in the middle of its report, and a writer that waits for nothing."""
    with (
        file_of(journal) as path,
        closing(sqlite3.connect(path)) as reader,
        closing(sqlite3.connect(path, 0.0, isolation_level=None)) as writer,
    ):
        assert writer.execute("pragma journal_mode").fetchone() == (journal,)
        reading = reader.execute("select price from product")
        reading.fetchone()
        if journal == DELETE:
            with pytest.raises(sqlite3.OperationalError, match="database is locked"):
                writer.execute(WRITE)
        else:
            writer.execute(WRITE)
        reading.fetchall()
        writer.execute(WRITE)
        assert reader.execute(REPORT, (1,)).fetchone()
    assert not path.exists()


@pytest.mark.process
@pytest.mark.parametrize("journal", JOURNALS)
@pytest.mark.parametrize("scanned", [False, True])
def test_writes_are_timed_and_nothing_is_left(
    journal: str, scanned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    times = write_times_ns(journal, scanned, 0.0, fewest=2)
    assert len(times) == 2 and min(times) > 0
    assert not [*tmp_path.iterdir()] and not [each for each in threading.enumerate() if each.name == "perflab-scan"]


@pytest.mark.clock
def test_a_write_beside_a_report_takes_far_longer_with_a_rollback_journal() -> None:
    def p50(journal: str) -> float:
        return percentile(write_times_ns(journal, True, 0.3), 0.5)

    assert_more(lambda: p50(DELETE), lambda: p50(WAL), 5, "a write with a rollback journal")
