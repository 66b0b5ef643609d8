"""The process that reads through a cache and without it, and the servers that come and go with it."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import psutil
import pytest
from real_servers import require

from perflab.measure.guards import BadInput
from perflab.systems.databases.values import ROWS, text_of
from perflab.systems.process.child import ServerFailed
from perflab.systems.process.installed import Installable, NotInstalled
from perflab.systems.servers import cached_reading
from perflab.systems.servers.cached_reading import SERVERS, CachedReading, here, missing
from perflab.systems.servers.cached_reads import CACHES, DICT, IN_POSTGRESQL, IN_REDIS, NONE, SLOW, SQLITE, STORES
from perflab.systems.servers.cluster import cluster


def children() -> set[int]:
    return {each.pid for each in psutil.Process().children(recursive=True)}


def kill(name: str) -> None:
    """All processes below this one whose program has this name."""
    for each in psutil.Process().children(recursive=True):
        if name in each.name():
            os.kill(each.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (("memcached", SQLITE, 95), "cache must be one of none, dict, Redis"),
        ((DICT, "tape", 95), "store must be one of SQLite"),
        ((DICT, SQLITE, 101), "hits must be"),
        ((DICT, SQLITE, 0.5), "hits must be"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_starts(setting: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        CachedReading([setting], 1)


def test_servers_that_are_not_here_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installable, "find", lambda _: None)
    assert here(CACHES) == (NONE, DICT) and here(STORES) == (SQLITE, SLOW)
    told = missing((*CACHES, *STORES))
    assert "Redis is not installed" in told and "PostgreSQL is not installed" in told
    with pytest.raises(NotInstalled, match="Redis is not installed, so it is not measured here"):
        CachedReading([(IN_REDIS, SQLITE, 95)], 1)


def test_where_all_are_here_none_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Installable, "find", lambda _: "/somewhere")
    assert here(STORES) == STORES and missing((*CACHES, *STORES)) == ""


@pytest.mark.process
def test_without_servers_all_settings_are_read_in_turns_and_nothing_is_left() -> None:
    before = children()
    with CachedReading([(NONE, SQLITE, 95), (DICT, SQLITE, 95), (DICT, SLOW, 50)], 1) as reading:
        found = [reading.read(0.01, at) for at in range(3)]
        assert reading.read(0.0).reads == 100, "one pair of rounds"
        with pytest.raises(BadInput, match="seconds must be"):
            reading.read(5)
    for each, misses in zip(found, (0.05, 0.05, 0.5), strict=True):
        assert each.misses == misses * each.reads > 0
        assert len(each.through_ns) == len(each.without_ns) > 0 and min(each.single_ns) > 0
    assert children() <= before


@pytest.mark.process
@pytest.mark.parametrize("store", STORES)
def test_exactly_so_many_reads_hit_in_redis_and_nothing_is_left(store: str) -> None:
    require(SERVERS[IN_REDIS])
    if store == IN_POSTGRESQL:
        require(SERVERS[store])
    before = children()
    with CachedReading([(IN_REDIS, store, 95)], 1) as reading:
        found = reading.read(0.05)
    assert found.misses == 0.05 * found.reads > 0
    assert children() <= before


@pytest.mark.process
def test_postgresql_holds_the_same_texts() -> None:
    require(SERVERS[IN_POSTGRESQL])
    with cluster("texts", cached_reading._fill, cached_reading.OPTIONS) as server:
        texts = cached_reading.PostgresqlTexts(str(server.folder))
        assert [texts.read(key) for key in (0, 77, ROWS - 1)] == [text_of(key) for key in (0, 77, ROWS - 1)]
        texts.close()


@pytest.mark.process
@pytest.mark.parametrize(("name", "program"), [(IN_REDIS, "redis"), (IN_POSTGRESQL, "postgres")])
def test_a_server_that_is_killed_in_the_middle_is_told_in_a_sentence(name: str, program: str) -> None:
    require(SERVERS[name])
    setting = (IN_REDIS, SQLITE, 95) if name == IN_REDIS else (DICT, IN_POSTGRESQL, 0)
    before = children()
    with pytest.raises(ServerFailed, match=f"The {name} server died"), CachedReading([setting], 1) as reading:
        reading.read(0.01)
        kill(program)
        reading.read(0.01)
    assert children() <= before


@pytest.mark.process
def test_reads_that_fail_for_another_reason_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        CachedReading([(DICT, SQLITE, 95)], 1) as reading,
        pytest.raises(ServerFailed, match="reads failed: IndexError"),
    ):
        reading.read(0.01, at=7)


@pytest.mark.process
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the system chooses the CPUs")
def test_client_and_servers_stay_on_one_cpu_and_this_process_does_not() -> None:
    require(SERVERS[IN_REDIS])
    mine = os.sched_getaffinity(0)
    with CachedReading([(IN_REDIS, SQLITE, 95)], 1) as reading:
        assert {*map(len, map(os.sched_getaffinity, (reading.pid, reading._servers[0].main_pid)))} == {1}
        assert os.sched_getaffinity(reading.pid) == os.sched_getaffinity(reading._servers[0].main_pid)
    assert os.sched_getaffinity(0) == mine


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the system chooses the CPUs")
def test_where_that_is_not_allowed_the_system_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refused)
    cached_reading._stay_on(0, 1)
