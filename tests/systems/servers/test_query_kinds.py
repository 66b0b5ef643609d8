"""Kinds of queries to SQLite: each thread has its connection, and what is acknowledged is stored."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from perflab.systems.servers import query_kinds
from perflab.systems.servers.query_kinds import COMMITS, HOT, KINDS, HotRow, Sqlite, Waiting

pytestmark = pytest.mark.process


def test_all_kinds_are_answered_and_only_commits_are_stored(tmp_path: Path) -> None:
    with closing(Sqlite(tmp_path)) as database:
        for kind in KINDS:
            before = database.stored()
            found = database.load(kind, 3, 0.02, wait_ms=1.0)
            assert found.done >= 3 and len(found.response_ns) <= found.done
            assert database.stored() - before == (found.done if kind in (COMMITS, HOT) else 0)


def test_each_connection_of_a_group_commit_is_heard(tmp_path: Path) -> None:
    with closing(Sqlite(tmp_path)) as database:
        found = database.load(COMMITS, 16, 0.1, wait_ms=0.0)
    assert found.done > 16 and found.per_s > 0


def test_a_hot_row_loses_no_update_of_many_threads(tmp_path: Path) -> None:
    with closing(HotRow(tmp_path / "hot.db")) as row, ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(row.add) for _ in range(100)]:
            done.result()
        assert row.number() == 100


def test_a_query_waits_inside_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(query_kinds.time, "sleep", slept.append)
    with closing(Waiting()) as connection:
        connection.query(5.0)
    assert slept == [0.005]
