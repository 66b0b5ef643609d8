"""Idle connections and one more request: at servers that keep a process for each, and at one that does not."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import psutil
import pytest
from patience import PATIENCE_S

from perflab.measure.guards import BadInput
from perflab.systems.clients.idle import IdleConnections, Told
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.web.own import LOOP, PREFORK
from perflab.systems.servers.web.web_server import WebServer, web_server

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be forked here"),
]

KEEP_ALIVE_S, LIMIT_S = 0.3, 30.0


@pytest.fixture(scope="module")
def prefork() -> Iterator[WebServer]:
    """Two processes; it is the same for all tests: closed connections leave nothing behind."""
    with web_server(PREFORK, workers=2, keep_alive_s=KEEP_ALIVE_S) as server:
        yield server


def asked(connections: IdleConnections, limit_s: float = LIMIT_S) -> Told:
    connections.ask_one_more(limit_s)
    told = connections.wait(PATIENCE_S)
    assert told is not None
    return told


def test_a_process_that_has_no_connection_answers_one_more(prefork: WebServer) -> None:
    with IdleConnections(prefork.port, 1, 1) as connections:
        assert asked(connections)[1:] == (True, 1)


@pytest.mark.parametrize(("number", "periods"), [(2, 1), (3, 1), (4, 2)])
def test_where_each_process_has_one_the_next_waits_for_the_time_out(
    prefork: WebServer, number: int, periods: int
) -> None:
    with IdleConnections(prefork.port, number, 2) as connections:
        told = asked(connections)
    # No time is judged from above: a busy machine takes longer. It cannot be shorter than what the server waits for.
    assert told[1:] == (True, 2)
    assert told.response_ns > 1e9 * KEEP_ALIVE_S * (periods - 0.7)


def test_a_request_that_is_given_up_counts_as_the_limit(prefork: WebServer) -> None:
    with IdleConnections(prefork.port, 20, 2) as connections:
        assert asked(connections, 0.05)[:2] == (50_000_000, False)


def test_what_has_not_ended_is_told_later(prefork: WebServer) -> None:
    with IdleConnections(prefork.port, 2, 2) as connections:
        connections.ask_one_more(LIMIT_S)
        assert connections.wait(0.001) is None
        assert asked(connections).answered


def test_it_can_be_left_while_a_request_is_under_way_and_nothing_is_left(prefork: WebServer) -> None:
    files, threads = psutil.Process().num_fds(), threading.active_count()
    with IdleConnections(prefork.port, 50, 2) as connections:
        connections.ask_one_more(LIMIT_S)
        assert connections.wait(0.001) is None
    assert (psutil.Process().num_fds(), threading.active_count()) == (files, threads)
    with IdleConnections(prefork.port, 0, 0) as connections:
        assert asked(connections)[1:] == (True, 0), "the server is free again"


def test_an_event_loop_holds_all_of_them_and_closes_what_is_idle_for_too_long() -> None:
    with web_server(LOOP, keep_alive_s=KEEP_ALIVE_S) as server, IdleConnections(server.port, 200, 200) as connections:
        assert asked(connections).idle > 0
        threading.Event().wait(2 * KEEP_ALIVE_S)
        asked(connections)  # what has been closed is seen meanwhile
        assert asked(connections)[1:] == (True, 0)


def test_a_server_that_dies_is_an_error() -> None:
    with (
        pytest.raises(ServerFailed, match="died"),
        web_server(PREFORK, workers=1) as server,
        IdleConnections(server.port, 1, 1) as connections,
    ):
        connections.ask_one_more(LIMIT_S)
        server.kill()
        connections.wait(PATIENCE_S)


def test_where_nobody_listens_it_cannot_begin() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(OSError, match="does not accept"):
        IdleConnections(port, 3, 3)


def test_more_connections_than_this_machine_may_hold_are_refused() -> None:
    with pytest.raises(BadInput, match="connections"):
        IdleConnections(1, 100_000, 1)
