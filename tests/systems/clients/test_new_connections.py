"""Requests on new connections: at a server that serves all of them, at a full queue, and where nobody listens."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import sleep

import numpy as np
import psutil
import pytest
from patience import wait_until

from perflab.measure.guards import BadInput
from perflab.systems.clients import new_connections
from perflab.systems.clients.new_connections import NEVER, NewConnections, pauses_s, timer_step_s
from perflab.systems.http.connection import request_bytes
from perflab.systems.servers.web.own import LOOP, PREFORK
from perflab.systems.servers.web.web_server import web_server

ASK = request_bytes("/")
MS = 1_000_000


def answer_late(listening: socket.socket, go: threading.Event) -> None:
    go.wait()
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        connection.recv(1_000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        connection.close()


@pytest.mark.process
def test_each_request_has_its_moments_in_order() -> None:
    schedule = np.arange(50) * 2 * MS
    with web_server(LOOP) as server, NewConnections(server.port, ASK, schedule) as clients:
        wait_until(lambda: bool(clients.ended().all()))
    assert (schedule <= clients.sent).all() and (clients.sent < clients.connected).all()
    assert (clients.connected < clients.answered).all() and not clients.refused.any()
    assert (clients.started == NEVER).all(), "of a page no times are told"


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_server_of_ours_tells_when_a_process_began_and_ended() -> None:
    with (
        web_server(PREFORK, workers=1, keep_alive_s=0) as server,
        NewConnections(server.port, request_bytes("/timed?ms=5"), np.zeros(5, np.int64)) as clients,
    ):
        wait_until(lambda: bool(clients.ended().all()))
    assert (clients.connected < clients.started).all() and (clients.done <= clients.answered).all()
    assert ((clients.done - clients.started) >= 5 * MS).all()
    order = np.argsort(clients.started)
    assert (clients.done[order][:-1] <= clients.started[order][1:]).all(), "one after the other"


@pytest.mark.process
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems treat a full queue otherwise")
def test_a_connection_that_finds_the_queue_full_comes_about_at_a_later_try() -> None:
    go = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=2) as listening:
        server = threading.Thread(target=answer_late, args=(listening, go))
        server.start()
        with NewConnections(listening.getsockname()[1], ASK, np.arange(5) * 10 * MS) as clients:
            wait_until(lambda: int((clients.connected != NEVER).sum()) == 3, "a backlog of 2 has room for 3")
            sleep(0.2)
            assert not clients.ended().any()
            assert int((clients.connected != NEVER).sum()) == 3, "the others are told nothing"
            go.set()
            wait_until(lambda: bool(clients.ended().all()))
        listening.shutdown(socket.SHUT_RDWR)
        server.join()
    took_s = (clients.connected - clients.sent) / 1e9
    assert not clients.refused.any()
    assert took_s[:3].max() < took_s[3:].min() and took_s[3:].min() > pauses_s()[0] - 0.01


@pytest.mark.process
def test_where_nobody_listens_each_request_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with NewConnections(port, ASK, np.arange(3) * MS) as clients:
        wait_until(lambda: bool(clients.ended().all()))
    assert clients.refused.all() and (clients.answered == NEVER).all()


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="files are counted otherwise")
def test_it_can_be_left_in_the_middle_and_nothing_is_left() -> None:
    files, threads = psutil.Process().num_fds(), threading.active_count()
    with (
        socket.create_server(("127.0.0.1", 0), backlog=1) as listening,
        NewConnections(listening.getsockname()[1], ASK, np.arange(100) * MS) as clients,
    ):
        wait_until(lambda: clients.sent[9] != NEVER)
    assert (psutil.Process().num_fds(), threading.active_count()) == (files, threads)


@pytest.mark.process
def test_what_keeps_it_from_sending_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more_files() -> None:
        raise OSError(24, "Too many open files")

    with NewConnections(1, ASK, np.array([100 * MS])) as clients:
        monkeypatch.setattr(new_connections.socket, "socket", no_more_files)
        with pytest.raises(OSError, match="Too many"):
            wait_until(lambda: bool(clients.ended().all()))


def test_more_connections_than_this_machine_may_hold_are_refused() -> None:
    with pytest.raises(BadInput, match="connections"):
        NewConnections(1, ASK, np.zeros(100_000, np.int64))


@pytest.mark.parametrize(
    ("linear", "first"), [("4", (1, 1, 1, 1, 1, 2)), ("0", (1, 2, 4, 8)), (None, (1, 2, 4, 8)), ("x", (1, 2, 4, 8))]
)
def test_the_pauses_are_the_systems(
    linear: str | None, first: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "linear"
    if linear is not None:
        file.write_text(f"{linear}\n")
    monkeypatch.setattr(new_connections, "LINEAR", file)
    monkeypatch.setattr(new_connections.sys, "platform", "linux")
    assert pauses_s()[: len(first)] == first


@pytest.mark.parametrize(
    ("platform", "tick_s", "step_s"),
    [
        ("linux", 0.004, 0.032),
        ("linux", 0.01, 0.08),
        ("linux", 0.001, 0.064),
        ("linux", 0.0, 0.0),
        ("darwin", 0.01, 0.0),
    ],
)
def test_timers_fire_in_steps(platform: str, tick_s: float, step_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    told: Callable[[int], float] = lambda clock: tick_s  # noqa: E731
    monkeypatch.setattr(new_connections.sys, "platform", platform)
    monkeypatch.setattr(new_connections.time, "clock_getres", told)
    assert timer_step_s() == pytest.approx(step_s)
