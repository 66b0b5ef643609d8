"""Each architecture: started, asked for each path, ended, killed; nothing of it is left, however the measuring process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from patience import wait_until_gone
from real_servers import require

from perflab.measure.guards import BadInput
from perflab.systems.http.connection import Connection
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.real.http import PAGE
from perflab.systems.servers.slow_backend import slow_backend
from perflab.systems.servers.web.real_ones import REAL
from perflab.systems.servers.web.web_server import (
    APACHE,
    ARCHITECTURES,
    MAX_CONNECTIONS,
    NGINX,
    OURS,
    PREFORK,
    PROCESS_EACH,
    THREADS,
    found,
    handled_server,
    web_server,
    why_missing,
)

each_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
MEASURER = """
import sys, psutil
from perflab.systems.http.connection import Connection
from perflab.systems.servers.web.web_server import web_server
with web_server(sys.argv[1], workers=2) as server:
    connection = Connection(server.port)
    connection.get()
    print(*(each.pid for each in psutil.Process().children(recursive=True)), flush=True)
    sys.stdin.read()
"""


def needed(architecture: str) -> None:
    if architecture in REAL:
        require(REAL[architecture])
    if said := why_missing(architecture):
        pytest.skip(said)


@contextmanager
def connected(port: int) -> Iterator[Connection]:
    connection = Connection(port)
    try:
        yield connection
    finally:
        connection.close()


def below() -> set[int]:
    """Processes of ours; those of a server are among them."""
    return {each.pid for each in psutil.Process().children(recursive=True)}


@pytest.mark.process
@each_architecture
def test_it_answers_each_path_and_leaves_nothing_behind(architecture: str) -> None:
    needed(architecture)
    before = below()
    with slow_backend() as backend, web_server(architecture, workers=2, backend_port=backend.port) as server:
        with connected(server.port) as connection:
            assert connection.get("/") == PAGE.encode()
            for _ in range(2):
                assert connection.get("/wait?ms=1").strip() == connection.get("/compute?ms=1") == b"ok"
            pids = server.pids()
            server.check()
            assert set(pids) <= below()
        assert len(pids) == {PROCESS_EACH: 2, PREFORK: 3, APACHE: 3, NGINX: 3}.get(architecture, 1)
        assert bool(server.behind) == (architecture == NGINX)
    wait_until_gone(*below() - before)


@pytest.mark.process
@each_architecture
def test_without_a_server_behind_it_waits_itself(architecture: str) -> None:
    needed(architecture)
    with web_server(architecture, workers=2) as server, connected(server.port) as connection:
        assert connection.get("/wait?ms=1") == b"ok"


@pytest.mark.process
@each_architecture
def test_a_server_behind_that_is_gone_is_no_success(architecture: str) -> None:
    needed(architecture)
    with (
        slow_backend() as backend,
        web_server(architecture, workers=2, backend_port=backend.port) as server,
        connected(server.port) as connection,
    ):
        connection.get("/wait?ms=1")
        backend.kill()
        with pytest.raises(OSError, match="50[0-9]"):
            connection.get("/wait?ms=1")


@pytest.mark.process
@each_architecture
def test_one_that_dies_in_mid_run_is_told_and_leaves_nothing(architecture: str) -> None:
    needed(architecture)
    before = below()
    with (
        pytest.raises(ServerFailed, match=rf"The .*{architecture}.* server died"),
        web_server(architecture, workers=2) as server,
        connected(server.port) as connection,
    ):
        connection.get("/")
        pids = server.pids()
        server.kill()
        wait_until_gone(*pids)
        server.check(1.0)
    wait_until_gone(*below() - before)


@pytest.mark.process
@each_architecture
def test_a_killed_measurer_leaves_nothing_behind(architecture: str) -> None:
    needed(architecture)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", MEASURER, architecture],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        pids = [int(each) for each in process.stdout.readline().split()]
        assert pids, "it told nothing: its error stands above"
        process.kill()
    wait_until_gone(*pids)


@pytest.mark.process
def test_a_handler_of_the_learners_computes_here_and_elsewhere_and_an_error_of_its_own_is_no_success() -> None:
    async def handle(ms: float, compute: Any, offload: Any) -> None:
        if ms > 10:
            raise ValueError("too long for me")
        compute(ms / 2)
        await offload(ms / 2)

    before = below()
    with handled_server(handle) as server, connected(server.port) as connection:
        for _ in range(5):  # one after the other: what computes closes its connection after each reply
            assert connection.get("/") == PAGE.encode() and connection.get("/compute?ms=1") == b"ok"
        with pytest.raises(OSError, match="500(.|\n)*too long for me"):
            connection.get("/compute?ms=20")
        assert server.architecture == "your handler" and server.behind
    wait_until_gone(*below() - before)


@pytest.mark.parametrize(
    ("architecture", "settings", "said"),
    [
        ("magic", {}, "architecture must be one of process per connection, prefork, threads, event loop"),
        (PREFORK, {"workers": 101}, "workers must be a number from 1 to 100 for prefork, to spare memory; got 101."),
        (THREADS, {"backlog": 0}, "backlog"),
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_starts(
    architecture: str, settings: dict[str, int], said: str
) -> None:
    with pytest.raises(BadInput, match=said), web_server(architecture, **settings):
        pass


def test_where_a_system_cannot_fork_two_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork", raising=False)
    assert set(OURS) - set(found()) == {PROCESS_EACH, PREFORK}
    with pytest.raises(BadInput, match="Prefork is not measured here: this system cannot fork"), web_server(PREFORK):
        pass


def test_each_has_a_limit() -> None:
    assert set(MAX_CONNECTIONS) == set(ARCHITECTURES) and MAX_CONNECTIONS[PROCESS_EACH] == 49
