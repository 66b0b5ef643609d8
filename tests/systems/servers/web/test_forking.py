"""Forked processes: as many as allowed, and none outlives the one that forked them."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from patience import wait_until, wait_until_gone

from perflab.systems.http.connection import Connection
from perflab.systems.process.child import ServerFailed, serve

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
]
SERVER = """
import socket
from functools import partial
from perflab.systems.process.child import read_config
from perflab.systems.servers.web import answers
from perflab.systems.servers.web.forking import serve_each, serve_prefork
config = read_config()
with socket.create_server(("127.0.0.1", 0)) as listening:
    serve = {"each": serve_each, "prefork": serve_prefork}[config["how"]]
    serve(listening, partial(answers.converse, backend_port=0, keep_alive_s=config.get("keep_alive_s", 60)), config["number"])
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "forking_server.py").write_text(SERVER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))


def children_of(pid: int) -> list[int]:
    return [each.pid for each in psutil.Process(pid).children()]


def test_each_connection_has_a_process_and_those_over_the_limit_wait_for_its_end() -> None:
    with serve("forking_server", how="each", number=2) as server:
        first, second, third = (Connection(server.port) for _ in range(3))
        first.get(), second.get()
        assert len(children_of(server.pid)) == 2
        third._socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            third.get()
        first.close()
        third._socket.settimeout(30)
        assert third._more().startswith(b"HTTP/1.1 200"), "it was asked already"
        second.close(), third.close()
        wait_until(lambda: not children_of(server.pid), "the end of its children")


@pytest.mark.parametrize("keep_alive_s", [60, 0])
def test_a_process_of_prefork_serves_the_next_connection_when_it_has_none(keep_alive_s: float) -> None:
    with serve("forking_server", how="prefork", number=1, keep_alive_s=keep_alive_s) as server:
        before = children_of(server.pid)
        first, second = Connection(server.port), Connection(server.port)
        first.get()
        if keep_alive_s:
            second._socket.settimeout(0.1)
            with pytest.raises(TimeoutError):
                second.get()
            first.close()
            second._socket.settimeout(30)
            assert second._more().startswith(b"HTTP/1.1 200")
        else:
            second.get()
            first.close()
        second.close()
        assert children_of(server.pid) == before and len(before) == 1


@pytest.mark.parametrize(("how", "number"), [("each", 4), ("prefork", 2)])
@pytest.mark.parametrize("end", ["closed", "killed"])
def test_none_outlives_the_one_that_forked_them(how: str, number: int, end: str) -> None:
    with serve("forking_server", how=how, number=number) as server:
        connection = Connection(server.port)
        connection.get()
        children = children_of(server.pid)
        assert len(children) == (2 if how == "prefork" else 1)
        if end == "killed":
            server.kill()
            wait_until_gone(*children)
    wait_until_gone(*children)
    connection.close()


def test_where_a_process_of_prefork_dies_the_server_ends_and_says_so() -> None:
    with serve("forking_server", how="prefork", number=2) as server:
        children = children_of(server.pid)
        os.kill(children[0], signal.SIGKILL)
        with pytest.raises(ServerFailed, match="died(.|\n)*One of its processes has ended"):
            server.check(30)
        wait_until_gone(*children)
