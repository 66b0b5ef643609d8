"""Connections that were asked on once and stay open since; and one more request, on a new connection."""

from __future__ import annotations

import selectors
import socket
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as NotYet
from time import perf_counter, perf_counter_ns, sleep
from typing import NamedTuple, Self

from perflab.measure.files import allow_files
from perflab.measure.guards import machine_limits
from perflab.measure.http_reply import ReplyReader
from perflab.systems.clients.new_connections import HERE, UNDER_WAY
from perflab.systems.http.connection import CHUNK, request_bytes

ASK, ASK_AND_CLOSE = request_bytes("/"), b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ANSWER_S, REST_S = 2.0, 0.005


class Told(NamedTuple):
    """Of one request: what it took from the beginning of its connection (ns), whether it was answered or given up then, and how
    many connections were idle when it began: they had their reply, and were still open.
    """

    response_ns: int
    answered: bool
    idle: int


class IdleConnections:
    """`number` keep-alive connections to 127.0.0.1:`port`; each has sent one request, and nothing since.

    Begins when the first `expected` of them have their replies, or one is closed, or after `ANSWER_S`, and a moment of rest
    later. The others wait to be accepted: by a server with a process for each connection, until an earlier one is closed. What
    the server closes is closed here, too, as a browser does.
    """

    def __init__(self, port: int, number: int, expected: int) -> None:
        machine_limits().check(connections=number)
        allow_files()
        self._idle: set[socket.socket] = set()
        self._has_lost = False
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._thread = ThreadPoolExecutor(1, "perflab-one-more")
        self._asked: Future[Told] | None = None
        self._one_more: socket.socket | None = None
        try:
            for _ in range(number):
                self._open(ASK)
                self._idle.update(self._look(0.0))
            until = perf_counter() + ANSWER_S
            while len(self._idle) < min(number, expected) and not self._has_lost:
                if (left_s := until - perf_counter()) <= 0:
                    break
                self._idle.update(self._look(left_s))
            sleep(REST_S)  # until the server, too, has nothing left to do
            self._idle.update(self._look(0.0))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask_one_more(self, limit_s: float) -> None:
        """Send a request on a new connection; it is given up after `limit_s`.

        A thread of its own times it, so that its reply may come while nobody looks.
        """
        self._asked = self._thread.submit(self._exchange, limit_s)

    def wait(self, seconds: float) -> Told | None:
        """What became of that request; None where it has not ended within so many seconds. Raises OSError where it failed."""
        assert self._asked is not None
        try:
            return self._asked.result(seconds)
        except NotYet:
            return None

    def close(self) -> None:
        """Hang up everywhere, whatever is under way."""
        while self._asked is not None and not self._asked.done():
            if self._one_more is not None:
                _shut(self._one_more)  # wakes the thread
            wait([self._asked], REST_S)
        self._thread.shutdown()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _exchange(self, limit_s: float) -> Told:
        began, until = perf_counter_ns(), perf_counter() + limit_s
        idle = len(self._idle)
        self._one_more = mine = self._open(ASK_AND_CLOSE)
        while (left_s := until - perf_counter()) > 0:
            if mine in self._look(left_s):
                return Told(perf_counter_ns() - began, True, idle)
            if mine.fileno() < 0:
                raise ConnectionError("the server closed the connection")
        return Told(round(1e9 * limit_s), False, idle)

    def _open(self, request: bytes) -> socket.socket:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_WRITE, request)
        _check(connection.connect_ex((HERE, self._port)))
        return connection

    def _look(self, timeout_s: float) -> list[socket.socket]:
        """Ask on the connections that have come about, and close those that the server closes; returns which got a reply."""
        answered = []
        for key, _ in self._selector.select(timeout_s):
            connection: socket.socket = key.fileobj  # type: ignore[assignment]
            if isinstance(key.data, bytes):
                _check(connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                connection.send(key.data)
                self._selector.modify(connection, selectors.EVENT_READ, ReplyReader())
            elif not (data := _received(connection)):
                self._selector.unregister(connection)
                self._idle.discard(connection)
                self._has_lost = True
                connection.close()
            elif key.data.feed(data) is not None:
                answered.append(connection)
        return answered


def _check(error: int) -> None:
    if error not in UNDER_WAY:
        raise OSError(error, "the server does not accept the connection")


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(CHUNK)
    except ConnectionError:
        return b""


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is closed, or has not come about
