"""The relay that makes a server far away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from statistics import median

import psutil
import pytest

from perflab.systems.http.connection import Connection
from perflab.systems.process.child import ChildServer, ServerFailed, serve
from perflab.systems.servers.distance import MAX_CONNECTIONS, distance

pytestmark = pytest.mark.clock


@pytest.fixture(scope="module")
def echo() -> Iterator[ChildServer]:
    with serve("perflab.systems.servers.echo", http=False) as server:
        yield server


def exchange_s(connection: Connection, message: bytes = b"x") -> float:
    started = time.perf_counter()
    assert connection.exchange(message) == message
    return time.perf_counter() - started


def test_a_round_trip_takes_what_was_added_and_little_more(echo: ChildServer) -> None:
    with distance(echo.port) as relay:
        connection = Connection(relay.port)
        near_s = median(exchange_s(connection) for _ in range(20))
        for added_s in (0.02, 0.005):
            relay.ask("set", round_trip_s=added_s)
            far = [exchange_s(connection) for _ in range(15)]
            assert min(far) >= added_s
            assert min(far) < 1.5 * added_s + near_s
        connection.close()


def test_setting_up_a_connection_costs_one_round_trip_more(echo: ChildServer) -> None:
    with distance(echo.port, 0.05) as relay:
        first, second = [], []
        for _ in range(3):
            connection = Connection(relay.port)
            first.append(exchange_s(connection))
            second.append(exchange_s(connection))
            connection.close()
        assert 0.1 <= min(first) < 0.145
        assert 0.05 <= min(second) < 0.095


def test_much_data_arrives_complete_and_in_order_while_the_distance_changes(echo: ChildServer) -> None:
    message = b"".join(number.to_bytes(4, "big") for number in range(100_000))
    with distance(echo.port, 0.03) as relay:
        connection = Connection(relay.port)
        thread = threading.Thread(target=lambda: (time.sleep(0.02), relay.ask("set", round_trip_s=0.0)))
        thread.start()
        assert connection.exchange(message) == message
        thread.join()
        connection.close()


def test_an_end_of_stream_passes_while_the_answer_is_still_on_its_way() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        distance(server.getsockname()[1], 0.02) as relay,
        socket.create_connection(("127.0.0.1", relay.port), 5) as client,
    ):
        client.sendall(b"all I have")
        client.shutdown(socket.SHUT_WR)
        arrived, _ = server.accept()
        arrived.settimeout(5)
        with arrived:
            assert arrived.recv(100) + arrived.recv(100) == b"all I have"
            arrived.sendall(b"thanks")
        assert client.recv(100) == b"thanks"
        assert client.recv(100) == b""


def test_a_server_that_is_gone_ends_the_clients_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with distance(port) as relay, socket.create_connection(("127.0.0.1", relay.port), 5) as client:
        try:
            assert client.recv(1) == b""
        except ConnectionError:
            pass  # said more bluntly


def test_clients_that_come_and_go_leave_no_connection_open(echo: ChildServer) -> None:
    with distance(echo.port) as relay:
        process = psutil.Process(relay.pid)
        before = process.num_fds()
        for _ in range(60):
            connection = Connection(relay.port)
            exchange_s(connection)
            connection.close()
        deadline = time.monotonic() + 5
        while process.num_fds() > before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.num_fds() == before


def test_one_connection_too_many_is_refused_and_the_others_live_on(echo: ChildServer) -> None:
    with distance(echo.port) as relay:
        held = [Connection(relay.port) for _ in range(MAX_CONNECTIONS)]
        assert exchange_s(held[-1]) > 0
        extra = Connection(relay.port)
        with pytest.raises(ConnectionError):
            extra.exchange(b"x")
        extra.close()
        assert exchange_s(held[0]) > 0
        for connection in held:
            connection.close()


def test_a_round_trip_out_of_range_is_refused(echo: ChildServer) -> None:
    with distance(echo.port) as relay, pytest.raises(ServerFailed, match="round_trip_s must be a number from 0 to 1"):
        relay.ask("set", round_trip_s=-0.1)
