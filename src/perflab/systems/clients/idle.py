"""Connections that were asked on once and are kept open since; and one more request, on a new connection."""

from __future__ import annotations

import selectors
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from time import perf_counter, perf_counter_ns, sleep
from typing import NamedTuple, Self

from perflab.measure.files import allow_files
from perflab.measure.guards import machine_limits
from perflab.measure.http_reply import ReplyReader
from perflab.systems.http.connection import CHUNK, request_bytes

ANSWER_S, REST_S = 2.0, 0.005
HERE = "127.0.0.1"
ASK, ASK_AND_CLOSE = (
    request_bytes("/"),
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
)


class IdleConnections:
    """`number` keep-alive connections to 127.0.0.1:`port`; each has sent one request, and nothing since.

    Returns when the first `expected` of them are answered, or after `ANSWER_S`, and a moment of rest later. The others wait to be
    accepted: by a server with a process for each connection, until an earlier one is closed. `answered` have their reply.
    """

    def __init__(self, port: int, number: int, expected: int) -> None:
        machine_limits().check(connections=number)
        allow_files()
        self.answered = 0
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        try:
            for _ in range(number):
                self._open(port)
                self._look(0.0)
            until = perf_counter() + ANSWER_S
            while self.answered < min(number, expected) and (left_s := until - perf_counter()) > 0:
                self._look(left_s)
            sleep(REST_S)  # until the server has nothing left to do
            self._look(0.0)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up everywhere."""
        for each in self._sockets:
            each.close()
        self._selector.close()

    def _open(self, port: int) -> None:
        connection = socket.socket()
        self._sockets.append(connection)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect_ex((HERE, port))
        self._selector.register(connection, selectors.EVENT_WRITE)

    def _look(self, timeout_s: float) -> None:
        """Ask on the connections that have come about, and take replies."""
        for key, _ in self._selector.select(timeout_s):
            connection: socket.socket = key.fileobj  # type: ignore[assignment]
            if key.data is None:
                if error := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(error, "the server does not accept connections")
                connection.send(ASK)
                self._selector.modify(connection, selectors.EVENT_READ, ReplyReader())
                continue
            data = connection.recv(CHUNK)
            if not data or key.data.feed(data) is not None:
                self._selector.unregister(connection)
                self.answered += bool(data)


class Told(NamedTuple):
    """Of one request: what it took, from the beginning of its connection (ns); whether it was answered, or given up then."""

    response_ns: int
    answered: bool


class OneMore:
    """One request at a time, each on a new connection to 127.0.0.1:`port`, given up after `limit_s`.

    A thread of its own times it, so that its reply may come while nobody looks.
    """

    def __init__(self, port: int, limit_s: float) -> None:
        self._port, self._limit_s = port, limit_s
        self._thread = ThreadPoolExecutor(1, "perflab-one-more")
        self._socket = socket.socket()
        self._reply: Future[Told] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self) -> None:
        """Send a request; `wait` tells of its reply."""
        self._socket.close()
        self._socket = socket.socket()
        self._reply = self._thread.submit(self._exchange, self._socket)

    def wait(self, seconds: float) -> Told | None:
        """Wait so long for the reply to the last request; None where it has not ended by then. Raises OSError without a reply."""
        assert self._reply is not None
        try:
            return self._reply.result(seconds)
        except NotYet:
            return None

    def close(self) -> None:
        """Hang up, whatever is under way."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, which `close` does not
        except OSError:
            pass
        self._thread.shutdown()
        self._socket.close()

    def _exchange(self, connection: socket.socket) -> Told:
        began, replies = perf_counter_ns(), ReplyReader()
        limit_ns = round(1e9 * self._limit_s)
        try:
            connection.settimeout(self._limit_s)
            connection.connect((HERE, self._port))
            connection.sendall(ASK_AND_CLOSE)
            while (left_ns := began + limit_ns - perf_counter_ns()) > 0:
                connection.settimeout(left_ns / 1e9)
                if not (data := connection.recv(CHUNK)):
                    raise ConnectionError("the server closed the connection")
                if replies.feed(data) is not None:
                    return Told(perf_counter_ns() - began, True)
        except TimeoutError:
            pass
        return Told(limit_ns, False)
