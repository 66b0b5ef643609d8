"""Many requests under way on one connection, as HTTP/2 and gRPC have it: lines of text, answered in whatever order they are done.

`7 5000 80000` asks for a service of 5,000 µs to be answered within 80,000 µs; the answer is `7 200 …`, with the reply's body.
`7 5000 80000 42` reads key 42 with it.
`!cancel 7` gives a request up: it gets no answer. 1,000 requests need 1,000 connections of HTTP/1.1, and one of these; a request
that its client no longer waits for costs no new connection.
"""

from __future__ import annotations

import asyncio
from time import perf_counter_ns

from perflab.systems.http.http11 import BACKLOG, Handler, Reply, Request, reply_to_error

MAX_LINE = 1_000
CANCEL = b"!cancel "
ASKED = ("service_us", "deadline_us", "key")


async def start_server(handler: Handler) -> asyncio.Server:
    """Listen on a free port of 127.0.0.1. Nagle's algorithm is off: asyncio sees to that."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _Conversation(handler), "127.0.0.1", 0, backlog=BACKLOG)


def request_line(number: int, service_us: int = 0, deadline_us: int = 0, key: int | None = None) -> bytes:
    """The line that asks."""
    return b"%d %d %d%b\n" % (number, service_us, deadline_us, b"" if key is None else b" %d" % key)


def cancel_line(number: int) -> bytes:
    """The line that gives a request up."""
    return b"%b%d\n" % (CANCEL, number)


class _Conversation(asyncio.Protocol):
    """One connection; each request is a task of its own."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._rest = b""
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        for task in list(self._tasks.values()):
            task.cancel()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                self._take(line)
            except ValueError:
                self._transport.write(b"%b 400 this is no request\n" % (line.split() or [b"?"])[0])
        if len(self._rest) > MAX_LINE:
            self._transport.close()

    def _take(self, line: bytes) -> None:
        if line.startswith(CANCEL):
            task = self._tasks.get(int(line[len(CANCEL) :]))
            if task is not None:
                task.cancel()
            return
        number, *asked = map(int, line.split())
        if not 2 <= len(asked) <= len(ASKED):
            raise ValueError("too little or too much is asked")
        if number in self._tasks:
            raise ValueError("this number is under way")
        query = dict(zip(ASKED, map(str, asked), strict=False))
        request = Request("GET", "/", query, b"", perf_counter_ns())
        self._tasks[number] = asyncio.get_running_loop().create_task(self._answer(number, request))

    async def _answer(self, number: int, request: Request) -> None:
        try:
            try:
                reply = await self._handler(request)
            except Exception as error:
                reply = reply_to_error(error)
            self._transport.write(_line_of(number, reply))
        finally:
            del self._tasks[number]


def _line_of(number: int, reply: Reply) -> bytes:
    return b"%d %d %b\n" % (number, reply.status, reply.body.replace(b"\n", b" "))
