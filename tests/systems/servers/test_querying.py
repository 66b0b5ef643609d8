"""Connections that query one database, in a process of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from real_servers import require

from perflab.measure.guards import BadInput
from perflab.systems.process.installed import NotInstalled
from perflab.systems.servers.query_kinds import COMMITS, HOT, KINDS, POSTGRES, SQLITE, WAITS
from perflab.systems.servers.querying import querying
from perflab.systems.servers.real.postgresql import POSTGRESQL

POSIX = pytest.mark.skipif(os.name == "nt", reason="real servers are started on Linux and macOS only")


@pytest.mark.process
@pytest.mark.parametrize("name", [SQLITE, pytest.param(POSTGRES, marks=POSIX)])
def test_what_is_acknowledged_is_stored_and_nothing_is_left(name: str) -> None:
    if name == POSTGRES:
        require(POSTGRESQL)
    with querying(name) as database:
        found = {kind: database.load(kind, 4, 0.02, wait_ms=1.0) for kind in KINDS}
        assert database.stored == sum(found[kind].done for kind in (COMMITS, HOT)) > 0
        assert all(each.done and each.seconds > 0 for each in found.values())
        assert database.folder.is_dir()
    assert not database.folder.exists()
    assert not psutil.pid_exists(database.pid)


@pytest.mark.process
def test_more_than_is_allowed_is_refused_before_it_starts_and_the_process_goes_on() -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("kind must be", {"kind": "any"}),
        ("connections must be", {"connections": 65}),
        ("connections must be", {"connections": 0}),
        ("seconds must be", {"seconds": 60}),
    ]
    with querying() as database:
        for said, changes in wrong:
            with pytest.raises(BadInput, match=said):
                database.load(**{"kind": WAITS, "connections": 2, "seconds": 0.01, **changes})
        assert database.load(WAITS, 1, 0.01).done


def test_a_database_that_is_not_known_is_refused() -> None:
    with pytest.raises(BadInput, match="database must be SQLite or PostgreSQL; got 'Oracle'"), querying("Oracle"):
        raise AssertionError("it began")


def test_a_database_that_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(POSTGRESQL), "find", lambda _: None)
    with (
        pytest.raises(NotInstalled, match="PostgreSQL is not installed, so it is not measured here"),
        querying(POSTGRES),
    ):
        raise AssertionError("it began")


def test_a_process_that_does_not_start_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails(*_: Any) -> None:
        raise OSError("no process")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("perflab.systems.servers.querying.ChildServer.__init__", fails)
    with pytest.raises(OSError, match="no process"), querying():
        raise AssertionError("it began")
    assert not [*tmp_path.iterdir()]
