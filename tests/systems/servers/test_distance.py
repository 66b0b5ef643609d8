"""The relay that makes a server far away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from patience import PATIENCE_S, wait_until
from relations import two_of_three

from perflab.systems.http.connection import Connection
from perflab.systems.process.child import ChildServer, ServerFailed, serve
from perflab.systems.servers.distance import MAX_CONNECTIONS, distance, place

pytestmark = pytest.mark.clock


@pytest.fixture(scope="module")
def echo() -> Iterator[ChildServer]:
    with serve("perflab.systems.servers.echo", http=False) as server:
        yield server


def exchange_s(connection: Connection, message: bytes = b"x") -> float:
    started = time.perf_counter()
    assert connection.exchange(message) == message
    return time.perf_counter() - started


@pytest.mark.parametrize("added_s", [0.02, 0.005])
def test_a_round_trip_takes_what_was_added_and_little_more(echo: ChildServer, added_s: float) -> None:
    with distance(echo.port, added_s) as relay, distance(echo.port) as no_relay:
        far, near = Connection(relay.port), Connection(no_relay.port)
        exchange_s(far)

        def more_s() -> float:
            took_s = min(exchange_s(far) for _ in range(10))
            assert took_s >= added_s
            return took_s - min(exchange_s(near) for _ in range(10))

        two_of_three(more_s, lambda found_s: found_s < 1.5 * added_s, "little more than was added")
        far.close()
        near.close()


def test_setting_up_a_connection_costs_one_round_trip_more(echo: ChildServer) -> None:
    with distance(echo.port, 0.05) as relay:

        def first_and_second_s() -> tuple[float, float]:
            connection = Connection(relay.port)
            found = exchange_s(connection), exchange_s(connection)
            connection.close()
            assert found[0] >= 0.1 and found[1] >= 0.05
            return found

        two_of_three(first_and_second_s, lambda found: found[0] < 0.145 and found[1] < 0.095, "and nothing else")


def test_much_data_arrives_complete_and_in_order_while_the_distance_changes(echo: ChildServer) -> None:
    message = b"".join(number.to_bytes(4, "big") for number in range(100_000))
    with distance(echo.port, 0.03) as relay:
        connection = Connection(relay.port)
        thread = threading.Thread(target=lambda: (time.sleep(0.02), relay.ask("set", round_trip_s=0.0)))
        thread.start()
        assert connection.exchange(message) == message
        thread.join()
        connection.close()


def test_much_data_takes_round_trips_more_and_a_small_window_holds_it_up(echo: ChildServer) -> None:
    """The echo begins to answer with the first segments, so what goes there and what comes back overlap but for one way."""
    message = bytes(100_000)
    with distance(echo.port, 0.05) as wide, distance(echo.port, 0.05, window_bytes=14_600) as narrow:
        took_s = []
        for relay in (wide, narrow):
            connection = Connection(relay.port)
            exchange_s(connection)
            took_s.append(exchange_s(connection, message))
            connection.close()
    assert took_s[0] >= 0.05 + 2 * 0.05
    assert took_s[1] >= 0.05 + 6 * 0.05


def test_an_end_of_stream_passes_while_the_answer_is_still_on_its_way() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        distance(server.getsockname()[1], 0.02) as relay,
        socket.create_connection(("127.0.0.1", relay.port), PATIENCE_S) as client,
    ):
        client.sendall(b"all I have")
        client.shutdown(socket.SHUT_WR)
        arrived, _ = server.accept()
        arrived.settimeout(PATIENCE_S)
        with arrived:
            assert arrived.recv(100) + arrived.recv(100) == b"all I have"
            arrived.sendall(b"thanks")
        assert client.recv(100) == b"thanks"
        assert client.recv(100) == b""


def test_a_server_that_is_gone_ends_the_clients_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with distance(port) as relay, socket.create_connection(("127.0.0.1", relay.port), PATIENCE_S) as client:
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
        wait_until(lambda: process.num_fds() <= before, "the end of all connections")
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


@pytest.mark.parametrize(
    ("ms", "called"), [(0, "this machine"), (5, "same city"), (50, "same country"), (300, "overseas")]
)
def test_a_distance_has_a_name(ms: float, called: str) -> None:
    assert place(ms) == called


def test_a_round_trip_out_of_range_is_refused(echo: ChildServer) -> None:
    with distance(echo.port) as relay, pytest.raises(ServerFailed, match="round_trip_s must be a number from 0 to 1"):
        relay.ask("set", round_trip_s=-0.1)
