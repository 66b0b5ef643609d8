"""Several calls of another service that do not need each other's results: in a row, or all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from typing import TypeVar

from perflab.measure.guards import check_number, machine_limits
from perflab.measure.http_reply import ReplyReader
from perflab.systems.http.connection import CHUNK, TIMEOUT_S, Connection, request_bytes

MAX_CALLS = 50
IN_A_ROW, ON_THREADS, ON_A_LOOP = "in a row", "gathered, threads", "gathered, event loop"
WAYS = (IN_A_ROW, ON_THREADS, ON_A_LOOP)


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Result = TypeVar("Result")


class LoopClients:
    """Connections with a task each on one event loop, which runs only while something is asked of it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._streams: list[Stream] = []

    def connect(self, port: int, number: int) -> None:
        """Open so many connections."""
        self._streams = self._loop.run_until_complete(_connect(port, number))

    def each(self, client: Callable[[Stream], Awaitable[Result]], timeout_s: float | None = None) -> list[Result]:
        """What the clients return, one on each connection, all under way at once."""

        async def gathered() -> list[Result]:
            return await asyncio.gather(*map(client, self._streams))

        return self._loop.run_until_complete(asyncio.wait_for(gathered(), timeout_s))

    def close(self) -> None:
        """Hang up, and end the loop."""
        for _, writer in self._streams:
            writer.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


class Callers:
    """`calls` open connections to a server with workers; each way makes one call on each, and returns when all are answered."""

    def __init__(self, port: int, calls: int) -> None:
        check_number("calls", calls, 1, MAX_CALLS, whole=True)
        machine_limits().check(threads=calls)
        with ExitStack() as opened:
            self._connections = [opened.enter_context(closing(Connection(port))) for _ in range(calls)]
            self._threads = opened.enter_context(ThreadPoolExecutor(calls))
            self._loop = opened.enter_context(closing(LoopClients()))
            self._loop.connect(port, calls)
            self.close = opened.pop_all().close
        self.ways: dict[str, Callable[[str], object]] = {
            IN_A_ROW: self.in_a_row,
            ON_THREADS: self.on_threads,
            ON_A_LOOP: self.on_a_loop,
        }

    def in_a_row(self, path: str) -> list[bytes]:
        """One after the other: each waits for the one before."""
        return [connection.get(path) for connection in self._connections]

    def on_threads(self, path: str) -> list[bytes]:
        """Each on a thread of its own; the answers in the order of the calls."""
        return list(self._threads.map(lambda connection: connection.get(path), self._connections))

    def on_a_loop(self, path: str) -> list[bytes]:
        """All on one thread, which goes on with whatever call has something to do."""
        return self._loop.each(lambda stream: get(*stream, path), TIMEOUT_S)


async def get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bytes:
    """The body of `GET path`; raises OSError for any status but 200, and when the server hangs up."""
    writer.write(request_bytes(path))
    replies = ReplyReader()
    while data := await reader.read(CHUNK):
        if (reply := replies.feed(data)) is not None:
            return reply.checked(path).body
    raise ConnectionError("the server closed the connection")


def callers(port: int, calls: int) -> AbstractContextManager[Callers]:
    """Callers whose connections and threads go away with the block."""
    return closing(Callers(port, calls))


async def _connect(port: int, calls: int) -> list[Stream]:
    return [await asyncio.open_connection("127.0.0.1", port) for _ in range(calls)]
