"""Clients in conflict over one row: on a virtual schedule and on a real file, nothing that was committed is lost."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from perflab.systems.databases.conflicts import KEY, REST_S, THINK_S, Store, Tally, real_run, simulated
from perflab.systems.databases.counters import BEGIN, SqliteCounters, new_file
from perflab.systems.databases.virtual_counters import Locks, VirtualStore, locked


def test_sqlite_refuses_a_write_after_another_as_the_virtual_store_does(tmp_path: Path) -> None:
    new_file(path := tmp_path / "counters.db")
    shared = Counter[int](), Counter[int](), Locks()
    with closing(SqliteCounters(path, BEGIN)) as first, closing(SqliteCounters(path, BEGIN)) as second:
        pairs: tuple[tuple[Store, Store], ...] = (
            (first, second),
            (VirtualStore(BEGIN, *shared), VirtualStore(BEGIN, *shared)),
        )
        for one, other in pairs:
            assert (one.start(KEY), other.start(KEY)) == (0, 0)
            assert one.finish(KEY, 1) and not other.finish(KEY, 1)
            error = other.refusal
            assert isinstance(error, sqlite3.OperationalError) and str(error) == str(locked())
            assert error.sqlite_errorcode == locked().sqlite_errorcode == 517
            assert error.sqlite_errorname == locked().sqlite_errorname
            assert other.start(KEY) == 1 and other.finish(KEY, 2)
    assert shared[0] == {KEY: 2}


def test_what_is_no_conflict_is_raised(tmp_path: Path) -> None:
    with (
        closing(SqliteCounters(tmp_path / "empty.db", BEGIN)) as store,
        pytest.raises(sqlite3.OperationalError, match="no such table"),
    ):
        store.finish(KEY, 1)


def test_a_single_client_never_tries_twice() -> None:
    found = simulated(1, lambda tries, error: 1 / 0, 10, 1)
    assert found.tries == found.done and found.given_up == 0
    assert found.done == pytest.approx(10 / (REST_S + THINK_S), rel=0.05)


def test_who_gives_up_at_once_loses_each_conflict_and_who_never_does_none() -> None:
    never, always = (simulated(16, retry, 5, 1) for retry in (lambda tries, error: None, lambda tries, error: 0.0))
    assert never.given_up == never.tries - never.done > never.done
    assert always.given_up == 0 and always.tries > 4 * always.done


def test_a_policy_is_told_how_many_tries_have_failed_and_what_was_raised() -> None:
    seen: list[tuple[int, str]] = []

    def retry(tries: int, error: Exception) -> float | None:
        seen.append((tries, str(error)))
        return 0.0 if tries < 3 else None

    found = simulated(16, retry, 2, 1)
    assert {tries for tries, _ in seen} == {1, 2, 3} and {said for _, said in seen} == {"database is locked"}
    assert found.given_up == sum(tries == 3 for tries, _ in seen)


def test_a_wait_longer_than_the_run_ends_it() -> None:
    assert simulated(4, lambda tries, error: 1e9, 1.0, 1).tries < 200


def test_the_same_seed_is_the_same_run() -> None:
    assert simulated(8, lambda tries, error: 0.01, 3, 5) == simulated(8, lambda tries, error: 0.01, 3, 5)
    assert Tally(1, 2, 3) + Tally(1, 1, 1) == Tally(2, 3, 4)


@pytest.mark.process
def test_a_real_file_holds_what_was_committed_and_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found, stored = real_run(8, lambda tries, error: 0.0, 0.2)
    assert found.done == stored > 0 and found.tries >= found.done
    assert not [*tmp_path.iterdir()]


@pytest.mark.process
def test_what_a_policy_raises_ends_a_real_run() -> None:
    def fails(tries: int, error: Exception) -> float | None:
        raise KeyError(tries)

    with pytest.raises(KeyError):
        real_run(16, fails, 1.0)
