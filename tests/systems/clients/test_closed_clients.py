from __future__ import annotations

import socket

import numpy as np
import pytest

from perflab.measure.http_target import HttpTarget
from perflab.systems.clients.closed_clients import Answers, ClosedClients
from perflab.systems.http.connection import request_bytes
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.slow_backend import REPLY, slow_backend
from perflab.systems.servers.web.own import PREFORK
from perflab.systems.servers.web.web_server import web_server

ASK = request_bytes("/wait?ms=2")


def test_throughput_is_answers_in_the_seconds_of_the_window() -> None:
    assert Answers(np.arange(30), np.full(30, 5), 0, 0.2).per_s == 150
    assert Answers(np.empty(0, int), np.empty(0, int), 0, 0.2).per_s == 0


def test_each_client_asks_on_its_own_connection_again_as_soon_as_it_is_answered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ClosedClients(server.getsockname()[1], ASK, 3) as clients:
        accepted = [server.accept()[0] for _ in range(3)]
        silent = clients.window(0, 0.005, 0)
        assert not silent.client.size and not clients.answered
        assert [each.recv(1_000) for each in accepted] == [ASK] * 3, "all have asked"
        accepted[1].send(REPLY)
        first = clients.window(0, 0.005, 0)
        assert clients.answered == {1} and not first.client.size, "what came between two windows is left out"
        assert accepted[1].recv(1_000) == ASK, "and it has asked again"
        accepted[1].setblocking(False)
        accepted[0].setblocking(False)
        for connection in accepted[:2]:
            with pytest.raises(BlockingIOError):
                connection.recv(1)
        for connection in accepted:
            connection.close()


@pytest.mark.process
def test_all_clients_of_a_server_that_waits_for_all_are_answered() -> None:
    with slow_backend() as backend, ClosedClients(backend.port, ASK, 20) as clients:
        found = clients.window(0.01, 0.2, 0.002)
        assert clients.connected == 20 and clients.answered == set(range(20))
        assert set(found.client.tolist()) == set(range(20)) and found.failures == 0
        assert clients.count_answers(0.1, 0.02) >= 20
        assert found.response_ns.min() >= 2e6 and found.client.size == found.response_ns.size


@pytest.mark.process
def test_a_server_of_two_processes_answers_two_clients_and_no_other_one() -> None:
    with (
        slow_backend() as backend,
        web_server(PREFORK, workers=2, backend_port=backend.port) as server,
        ClosedClients(server.port, ASK, 6) as clients,
    ):
        for _ in range(3):
            found = clients.window(0.01, 0.1, 0.002)
        assert clients.connected == 6 and len(clients.answered) == 2
        assert set(found.client.tolist()) == clients.answered


@pytest.mark.process
def test_a_server_that_dies_is_named_and_no_client_asks_for_ever() -> None:
    with (
        pytest.raises(ServerFailed, match="died"),
        slow_backend() as backend,
        ClosedClients(backend.port, ASK, 4) as clients,
    ):
        clients.window(0, 0.05, 0)
        backend.kill()
        for _ in range(3):
            clients.window(0, 0.05, 0)


def test_a_client_whose_connection_is_closed_asks_on_another_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ClosedClients(server.getsockname()[1], ASK, 2) as clients:
        first, second = (server.accept()[0] for _ in range(2))
        clients.window(0, 0.002, 0)
        first.recv(1_000)
        first.close()
        clients.window(0, 0.002, 0)
        again = server.accept()[0]
        assert clients.connected == 2 and again.recv(1_000) == ASK
        for each in (second, again):
            each.close()


def test_where_the_queue_is_full_the_rest_of_the_clients_have_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, made = HttpTarget._connect, []

    def at_most_two(target: HttpTarget, port: int) -> socket.socket:
        if len(made) == 2:
            raise TimeoutError
        made.append(connect(target, port))
        return made[-1]

    monkeypatch.setattr(HttpTarget, "_connect", at_most_two)
    with socket.create_server(("127.0.0.1", 0)) as server, ClosedClients(server.getsockname()[1], ASK, 5) as clients:
        assert clients.connected == 2
        assert clients.window(0, 0.002, 0).client.size == 0
