"""Connections of the event loop, on a loop whose time takes none."""

from __future__ import annotations

import asyncio
from typing import Any

from virtual_loop import run_virtually

from perflab.systems.http.connection import request_bytes
from perflab.systems.servers.web.answers import FIRST_REQUEST_S
from perflab.systems.servers.web.event_loop import Behind, Client

PAGE, WAIT = request_bytes("/"), request_bytes("/wait?ms=2000")


class Transport:
    """Notes what is written, and when it was closed, which is the end of the connection."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.written: list[tuple[float, bytes]] = []
        self.closed_s: float | None = None

    def write(self, data: bytes) -> None:
        self.written.append((now_s(), data))

    def close(self) -> None:
        self.closed_s = now_s()
        self.client.connection_lost(None)

    def is_closing(self) -> bool:
        return self.closed_s is not None


def now_s() -> float:
    return round(asyncio.get_running_loop().time(), 3)


async def talked(*said: tuple[float, bytes], keep_alive_s: float = 5.0, until_s: float = 60.0) -> Any:
    """What became of a connection over which this is sent, each at its time."""
    client = Client(Behind(0), keep_alive_s)
    transport = Transport(client)
    client.connection_made(transport)
    for at_s, data in said:
        await asyncio.sleep(at_s - now_s())
        client.data_received(data)
    await asyncio.sleep(until_s - now_s())
    return transport


def test_it_waits_for_one_connection_and_answers_the_others_meanwhile() -> None:
    async def both() -> Any:
        return await asyncio.gather(talked((0, WAIT)), talked((1, PAGE)))

    waiting, other = run_virtually(both())
    assert [at_s for at_s, _ in waiting.written] == [2]
    assert [at_s for at_s, _ in other.written] == [1]


def test_requests_of_one_connection_are_answered_in_their_order() -> None:
    transport = run_virtually(talked((0, WAIT[:5]), (1, WAIT[5:] + PAGE)))
    assert [(at_s, len(data) > 1_000) for at_s, data in transport.written] == [(3, False), (3, True)]


def test_a_connection_is_closed_once_it_was_idle_for_its_time() -> None:
    assert run_virtually(talked((0, PAGE))).closed_s == 5
    assert run_virtually(talked((0, PAGE), (4, PAGE))).closed_s == 9
    assert run_virtually(talked((0, PAGE), (4, WAIT), keep_alive_s=1)).closed_s == 1, "its second request came too late"
    assert run_virtually(talked((0, WAIT), keep_alive_s=1)).closed_s == 3, "not while it waits for its reply"
    assert run_virtually(talked((0, PAGE), keep_alive_s=0)).closed_s == 0
    assert run_virtually(talked()).closed_s == FIRST_REQUEST_S


def test_what_cannot_be_read_is_answered_and_closed() -> None:
    transport = run_virtually(talked((0, b"nonsense\r\n\r\n"), (1, PAGE)))
    assert [data[:12] for _, data in transport.written] == [b"HTTP/1.1 400"] and transport.closed_s == 0
