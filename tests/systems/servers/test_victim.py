"""A process that writes, and is killed: what it had acknowledged is compared with what is stored."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from perflab.systems.caches.strategies import CacheAside, WriteBehind, WriteThrough
from perflab.systems.databases.versions import StoreGone, Versions
from perflab.systems.servers import victim as victims
from perflab.systems.servers.victim import (
    ASIDE,
    BEHIND,
    COMMITS,
    STRATEGIES,
    THROUGH,
    UNSYNCED,
    Kill,
    Ledger,
    Recorded,
    Victim,
    VictimFailed,
    cached_by,
)

PATIENCE_S = 20.0


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends, "it takes too long"
        time.sleep(0.01)


def killed(strategy: str, flush_ms: float = 30, keys: int = 20) -> Kill:
    """Killed once it has acknowledged something; nothing of it is left."""
    with Victim(strategy, flush_ms, 1_000, keys, 1) as victim:
        folder, pid = victim._path, victim._process.pid  # type: ignore[union-attr]
        victim.begin()
        until(lambda: victim._ledger.acknowledged > 100)
        found = victim.kill()
    assert not folder.exists() and not psutil.pid_exists(pid)
    return found


@pytest.mark.process
@pytest.mark.parametrize("strategy", [ASIDE, THROUGH, UNSYNCED])
def test_what_is_acknowledged_after_its_commit_is_never_lost(strategy: str) -> None:
    found = killed(strategy)
    assert found.lost == found.wrong == 0 < found.acknowledged
    assert found.ahead <= 1, "a commit that was done, and not acknowledged yet"
    assert found.acknowledged <= found.commits[-1][2] + 1


@pytest.mark.process
def test_what_waits_for_a_flush_is_lost_and_no_more() -> None:
    found = killed(BEHIND, flush_ms=60_000)
    assert found.lost == found.acknowledged > 100 and found.wrong > 10 and not found.commits
    found = killed(BEHIND, flush_ms=1)
    assert found.lost < found.acknowledged and found.commits
    began, ended, writes = found.commits[-1]
    assert began < ended <= found.killed_ns and writes <= found.acknowledged


@pytest.mark.process
def test_what_a_signal_let_it_still_do_was_done_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(victims, "time", SimpleNamespace(perf_counter_ns=lambda: 1))
    found = killed(BEHIND, flush_ms=1)
    assert found.killed_ns == found.commits[-1][1] > 1


@pytest.mark.process
def test_a_second_kill_is_one_sentence_and_leaves_nothing() -> None:
    with Victim(THROUGH, 10, 100, 5, 1) as victim:
        folder = victim._path
        victim.begin()
        victim.kill()
        with pytest.raises(VictimFailed, match="ended before it was killed"):
            victim.kill()
    assert not folder.exists()
    victim.close()


@pytest.mark.process
def test_a_store_that_was_removed_is_one_sentence_and_leaves_nothing() -> None:
    with Victim(THROUGH, 10, 100, 5, 1) as victim:
        folder = victim._path
        victim.begin()
        (folder / "entries.db").unlink()
        with pytest.raises(StoreGone, match="is gone"):
            victim.kill()
    assert not folder.exists()


@pytest.mark.process
def test_a_flush_that_fails_ends_it_with_the_number_of_keys() -> None:
    with Victim(BEHIND, 100, 1_000, 5, 1) as victim:
        folder, process = victim._path, victim._process
        victim.begin()
        until(lambda: victim._ledger.acknowledged > 10)
        with closing(sqlite3.connect(folder / "entries.db", isolation_level=None)) as other:
            other.execute("drop table entries")
        until(lambda: process.poll() is not None)  # type: ignore[union-attr]
        with pytest.raises(VictimFailed, match=r"FlushFailed: A flush failed \(.*\): acknowledged writes of \d keys"):
            victim.kill()
    assert not folder.exists()


@pytest.mark.process
def test_one_that_never_began_is_gone_with_its_block() -> None:
    with Victim(BEHIND, 100, 1_000, 5, 1) as victim:
        folder, pid = victim._path, victim._process.pid  # type: ignore[union-attr]
    assert not folder.exists() and not psutil.pid_exists(pid)


def test_the_ledger_is_shared_through_its_file(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "words", 3)) as here, closing(Ledger(tmp_path / "words", 3)) as there:
        here.acknowledge(1, 5)
        here.acknowledge(2, 1)
        here.committed(10, 20, 2)
        assert there.acknowledged == 2 and there.versions() == [0, 5, 1]
        assert there.commits() == [(10, 20, 2)]
        for number in range(COMMITS):
            here.committed(number, number + 1, number)
        assert len(there.commits()) == COMMITS and there.commits()[-1][0] == COMMITS - 1
        assert there.commits()[0][0] == 0, "the oldest has made room"


def test_each_strategy_has_its_cache_and_commits_are_recorded(tmp_path: Path) -> None:
    with (
        closing(Versions(tmp_path / "entries.db", durable=False)) as store,
        closing(Ledger(tmp_path / "words", 5)) as ledger,
    ):
        kinds = [type(cached_by(strategy, Recorded(store, ledger), 0.1)) for strategy in STRATEGIES]
        assert kinds == [CacheAside, WriteThrough, WriteThrough, WriteBehind]
        recorded = Recorded(store, ledger)
        recorded.write(1, 1)
        ledger.acknowledge(1, 1)
        recorded.write_all({1: 2, 2: 1})
        assert [writes for *_, writes in ledger.commits()] == [1, 1] and recorded.read(1) == 2
