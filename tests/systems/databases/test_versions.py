"""A real table of versions: what is written is there, for all threads and for another process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from perflab.systems.databases.versions import StoreGone, Versions, stored_in


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Versions]:
    with closing(Versions(tmp_path / "entries.db", durable=False)) as opened:
        yield opened


def test_one_by_one_or_all_at_once_the_last_version_is_kept(store: Versions) -> None:
    assert store.read(1) == 0
    store.write(1, 3)
    store.write_all({1: 4, 2: 1})
    assert (store.read(1), store.read(2)) == (4, 1)
    assert [store.raise_version(key) for key in (1, 2, 3)] == [5, 2, 1]
    assert store.all() == {1: 5, 2: 2, 3: 1}


def test_threads_raise_a_version_one_after_the_other(store: Versions) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(store.raise_version, [7] * 200))
    assert sorted(found) == list(range(1, 201))
    assert store.read(7) == 200


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 0)])
def test_a_durable_commit_waits_for_the_drive(tmp_path: Path, durable: bool, synchronous: int) -> None:
    with closing(Versions(tmp_path / "entries.db", durable=durable)) as store:
        assert store._connection().execute("pragma synchronous").fetchone() == (synchronous,)
        assert store._connection().execute("pragma journal_mode").fetchone() == ("wal",)


def test_a_file_is_read_that_was_never_closed(tmp_path: Path) -> None:
    path = tmp_path / "entries.db"
    with closing(Versions(path, durable=False)) as store:
        store.write(1, 2)
        assert stored_in(path) == {1: 2}


def test_a_file_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreGone, match=r"The file of the store is gone.*Measure again"):
        stored_in(tmp_path / "entries.db")
    assert list(tmp_path.iterdir()) == [], "and it is not made by looking"


def test_a_store_that_is_closed_says_so(tmp_path: Path) -> None:
    store = Versions(tmp_path / "entries.db", durable=False)
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.read(1)
