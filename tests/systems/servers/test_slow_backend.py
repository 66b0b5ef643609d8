from __future__ import annotations

import asyncio
from typing import Any

import pytest
from virtual_loop import run_virtually

from perflab.systems.http.connection import Connection, request_bytes
from perflab.systems.servers.slow_backend import MAX_HEAD, REFUSAL, REPLY, Waiting, slow_backend, wait_s_of

ASK = request_bytes("/wait?ms=50")


class Transport:
    """Notes what is written when (s), and when it was closed."""

    def __init__(self) -> None:
        self.written: list[tuple[float, bytes]] = []
        self.closed_s: float | None = None

    def write(self, data: bytes) -> None:
        self.written.append((now_s(), data))

    def close(self) -> None:
        self.closed_s = now_s()


def now_s() -> float:
    return round(asyncio.get_running_loop().time(), 6)


async def told(*pieces: bytes) -> Transport:
    """What becomes of a connection on which these come, one a millisecond."""
    transport, connection = Transport(), Waiting()
    connection.connection_made(transport)
    for piece in pieces:
        connection.data_received(piece)
        await asyncio.sleep(0.001)
    await asyncio.sleep(1)
    return transport


def test_a_request_is_answered_after_its_wait_however_many_wait() -> None:
    async def many() -> list[Any]:
        return await asyncio.gather(*(told(ASK) for _ in range(100)))

    found = run_virtually(many())
    assert [each.written for each in found] == [[(0.05, REPLY)]] * 100
    assert {each.closed_s for each in found} == {None}


def test_a_request_may_come_in_pieces_and_another_after_its_answer() -> None:
    assert run_virtually(told(ASK[:7], ASK[7:-2], ASK[-2:])).written == [(0.052, REPLY)]
    assert [data for _, data in run_virtually(told(ASK, request_bytes("/wait?ms=0"))).written] == [REPLY, REPLY]


def test_a_client_that_wants_it_is_hung_up_on_after_the_answer() -> None:
    found = run_virtually(told(ASK[:-2] + b"Connection: Close\r\n\r\n"))
    assert found.written == [(0.05, REPLY)] and found.closed_s == 0.05


@pytest.mark.parametrize("target", ["/wait?ms=x", "/wait?ms=-1", "/wait?ms=nan", "/wait?ms=1e9"])
def test_what_is_no_wait_is_refused(target: str) -> None:
    found = run_virtually(told(request_bytes(target)))
    assert found.written == [(0.0, REFUSAL)] and found.closed_s == 0.0
    assert run_virtually(told(b"x\r\n\r\n")).written == [(0.0, REFUSAL)]


def test_a_head_without_an_end_is_hung_up_on() -> None:
    assert run_virtually(told(b"x" * (MAX_HEAD + 1))).closed_s == 0.0


@pytest.mark.parametrize(("target", "wait_s"), [("/wait?ms=50", 0.05), ("/wait?ms=2.5&x=1", 0.0025), ("/wait", 0.0)])
def test_the_wait_is_read_from_the_target(target: str, wait_s: float) -> None:
    assert wait_s_of(request_bytes(target)) == wait_s


@pytest.mark.process
def test_the_process_answers_and_is_gone_with_its_block() -> None:
    with slow_backend() as backend:
        connection = Connection(backend.port)
        assert connection.get("/wait?ms=1") == connection.get("/wait?ms=0") == b"ok\n"
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        Connection(backend.port)
