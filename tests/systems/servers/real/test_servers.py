"""Each real server: started, ready, asked, stopped, and nothing of it left, however the process that measures it ends."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from patience import wait_until, wait_until_gone
from real_servers import ANSWERS, ORDINARY, ROOT, measurer, one_answer, require, segments_of

from perflab.systems.process.installed import Installable, KeptServer
from perflab.systems.process.private_folder import PREFIX
from perflab.systems.servers.real.apache import APACHE
from perflab.systems.servers.real.nginx import NGINX
from perflab.systems.servers.real.postgresql import POSTGRESQL
from perflab.systems.servers.real.redis import REDIS
from perflab.systems.servers.real.servers import SERVERS

pytestmark = pytest.mark.process

Told = TypeVar("Told")
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
each_server = pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
each_user = pytest.mark.parametrize("user", [ROOT, ORDINARY])


@each_user
@each_server
def test_it_is_started_answers_and_leaves_nothing_behind(server: Installable, user: str) -> None:
    require(server)
    with measurer(server, user) as (process, told):
        assert Path(told["folder"]).name.startswith(PREFIX)
        assert one_answer(server, told["port"], told["socket_path"]) == ANSWERS[server.name]
        assert process.stdin is not None
        process.stdin.close()
    wait_until_gone(*told["pids"])
    assert not Path(told["folder"]).exists()
    assert segments_of(told["main"]) == []


@each_server
def test_it_listens_nowhere_but_on_loopback_or_its_socket(server: Installable) -> None:
    require(server)
    with server.start() as started:
        told = told_by(started, lambda process: process.net_connections("inet"))
        listening = {tuple(each.laddr) for each in chain(*told) if each.status == psutil.CONN_LISTEN}
        assert listening == ({("127.0.0.1", started.port)} if started.port else set())
        assert bool(started.port) != bool(started.socket_path)
        assert len(os.fsencode(started.socket_path or "")) <= 103, "macOS allows no longer one"


@pytest.mark.skipif(not IS_ROOT, reason="these tests are not run as root")
@pytest.mark.parametrize("server", [POSTGRESQL, NGINX, APACHE], ids=lambda server: server.name)
def test_where_root_measures_what_works_for_clients_is_not_root(server: Installable) -> None:
    require(server)
    with server.start() as started:
        # A worker is root's for a moment, until it changes its user.
        wait_until(lambda: {*told_by(started, lambda process: process.username())[1:]} == {"nobody"}, "their user")


@pytest.mark.skipif(not IS_ROOT, reason="these tests are not run as root")
@pytest.mark.parametrize("server", [NGINX, APACHE], ids=lambda server: server.name)
def test_a_strict_umask_keeps_nothing_from_their_workers(server: Installable) -> None:
    require(server)
    before = os.umask(0o077)
    try:
        with server.start() as started:
            assert one_answer(server, started.port, None) == ANSWERS[server.name]
    finally:
        os.umask(before)


@each_user
@each_server
def test_a_killed_measurer_leaves_nothing_behind(server: Installable, user: str) -> None:
    require(server)
    shared = shared_memory()
    with measurer(server, user) as (process, told):
        process.kill()
    wait_until_gone(*told["pids"])
    wait_until(lambda: not Path(told["folder"]).exists(), "the end of its folder")
    assert segments_of(told["main"]) == []
    wait_until(lambda: not shared_memory() - shared, "the end of its shared memory")


@only_linux
@each_user
@each_server
def test_with_its_keeper_killed_too_nothing_runs_on(server: Installable, user: str) -> None:
    require(server)
    shared = shared_memory()
    with measurer(server, user) as (process, told):
        os.kill(told["keeper"], signal.SIGKILL)
        process.kill()
    wait_until_gone(*told["pids"])
    assert segments_of(told["main"]) == []
    wait_until(lambda: not shared_memory() - shared, "the end of its shared memory")
    shutil.rmtree(told["folder"])


@only_linux
def test_what_a_killed_keeper_left_is_removed_by_the_next() -> None:
    require(REDIS)
    with measurer(REDIS, ORDINARY) as (process, told):
        os.kill(told["keeper"], signal.SIGKILL)
        process.kill()
    wait_until_gone(*told["pids"])
    folder = Path(told["folder"])
    os.utime(folder, (0, 0))
    with measurer(REDIS, ORDINARY):
        assert not folder.exists()


@pytest.mark.parametrize("server", [REDIS, NGINX], ids=lambda server: server.name)
def test_with_only_its_keeper_killed_the_end_of_the_block_removes_all(server: Installable) -> None:
    require(server)
    with server.start() as started:
        os.kill(started.pid, signal.SIGKILL)
    wait_until_gone(started.main_pid)
    assert not started.folder.exists()


@each_server
def test_a_server_that_dies_in_mid_run_is_told_and_leaves_nothing(server: Installable) -> None:
    require(server)
    with server.start() as started:
        started.kill()
        assert not started.folder.exists()
        assert segments_of(started.main_pid) == []
        with pytest.raises(Exception, match=f"The {server.name} server died"):
            started.check()


def shared_memory() -> set[Path]:
    folder = Path("/dev/shm")
    return set(folder.glob("PostgreSQL*")) if folder.is_dir() else set()


def told_by(started: KeptServer, ask: Callable[[psutil.Process], Told]) -> list[Told]:
    """What the server's processes are asked, the first one first, apart from those that have just ended."""
    first = psutil.Process(started.main_pid)
    told = []
    for process in (first, *first.children(recursive=True)):
        try:
            told.append(ask(process))
        except psutil.NoSuchProcess:
            pass
    return told
