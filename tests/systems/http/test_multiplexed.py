"""Many requests on one connection: any order, giving up, and lines that are no requests. Without a process, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from perflab.systems.http.http11 import Reply, Request
from perflab.systems.http.multiplexed import MAX_LINE, cancel_line, request_line, start_server
from perflab.systems.process.child import port_of

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, Any]]


class Doors:
    """Each request waits until its door, which its service time names, is opened; what was asked and given up is kept."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.given_up: list[int] = []
        self._doors: dict[int, asyncio.Event] = {}

    def door(self, number: int) -> asyncio.Event:
        return self._doors.setdefault(number, asyncio.Event())

    async def answer(self, request: Request) -> Reply:
        self.asked.append(request.query)
        number = int(request.query["service_us"])
        if number == 13:
            raise KeyError("thirteen\nlines")
        try:
            await self.door(number).wait()
        except asyncio.CancelledError:
            self.given_up.append(number)
            raise
        return Reply(b"two\nlines" if number == 2 else b"served", 503 if number == 5 else 200)


def talking(doors: Doors, talk: Talk) -> Any:
    """What a conversation with a server that answers so returns."""

    async def main() -> Any:
        server = await start_server(doors.answer)
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        try:
            return await talk(reader, writer)
        finally:
            writer.close()
            server.close()
            await asyncio.sleep(0)

    with asyncio.Runner() as runner:
        return runner.run(main())


def test_replies_come_in_the_order_in_which_they_are_done() -> None:
    doors = Doors()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[bytes]:
        writer.writelines(
            [request_line(70, 1, 9), request_line(71, 2)[:3], request_line(71, 2)[3:], request_line(72, 5)]
        )
        lines = []
        for number in (5, 1, 2):
            doors.door(number).set()
            lines.append(await reader.readline())
        return lines

    assert talking(doors, talk) == [b"72 503 served\n", b"70 200 served\n", b"71 200 two lines\n"]
    assert doors.asked[0] == {"service_us": "1", "deadline_us": "9"} and len(doors.asked) == 3


def test_a_request_may_read_a_key() -> None:
    doors = Doors()
    doors.door(1).set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(request_line(7, 1, 9, 42))
        return await reader.readline()

    assert talking(doors, talk) == b"7 200 served\n"
    assert doors.asked == [{"service_us": "1", "deadline_us": "9", "key": "42"}]


def test_a_request_that_is_given_up_gets_no_answer() -> None:
    doors = Doors()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(request_line(1, 1) + request_line(2, 3) + cancel_line(1) + cancel_line(99))
        doors.door(1).set()
        doors.door(3).set()
        return await reader.readline()

    assert talking(doors, talk) == b"2 200 served\n"


def test_what_is_under_way_is_given_up_when_the_client_hangs_up() -> None:
    doors = Doors()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request_line(1, 1) + request_line(2, 2))
        while len(doors.asked) < 2:
            await asyncio.sleep(0)
        writer.close()
        while len(doors.given_up) < 2:
            await asyncio.sleep(0)

    talking(doors, talk)
    assert doors.given_up == [1, 2]


def test_what_a_handler_raises_is_said_in_one_line() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(request_line(4, 13))
        return await reader.readline()

    said = talking(Doors(), talk)
    assert said.startswith(b"4 500 ") and b"KeyError" in said and said.count(b"\n") == 1


@pytest.mark.parametrize("line", [b"x 1 2", b"1 2", b"1 2 3 4 5", b"", b"!cancel x", b"7 1 0\n7 1 0"])
def test_a_line_that_is_no_request_is_refused_and_the_next_one_is_answered(line: bytes) -> None:
    doors = Doors()
    doors.door(3).set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[bytes]:
        writer.write(line + b"\n" + request_line(8, 3))
        return [await reader.readline() for _ in range(2)]

    refused, answered = talking(doors, talk)
    assert b" 400 " in refused and answered == b"8 200 served\n"


def test_a_line_without_end_ends_the_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"1" * (MAX_LINE + 1))
        return await reader.read()

    assert talking(Doors(), talk) == b""
