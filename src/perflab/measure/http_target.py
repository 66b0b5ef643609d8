"""An HTTP server under load: many keep-alive connections, one thread, no waiting on any single one."""

from __future__ import annotations

import errno
import os
import select
import selectors
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from perflab.measure.clock import SYSTEM_CLOCK
from perflab.measure.files import MAX_WATCHED, allow_files
from perflab.measure.guards import BadInput, machine_limits
from perflab.measure.http_reply import Reply, ReplyReader
from perflab.measure.machine import effective_cpus

CONNECT_S = 5.0
CHUNK = 65_536
TICK_S = 0.001
"""What the system's poll can wait at the least; shorter waits spin where there is a second CPU for the server."""

RequestOf = Callable[[int], bytes]
OnReply = Callable[[int, Reply], object]


class HttpTarget:
    """`connections` open connections to 127.0.0.1:`port`, each with at most one request under way.

    `request` is always the same, or a function of the request's number; `on_reply` gets number and reply of each answered
    request before its end is noted: keep it short. `sent_ns` is when the last request was handed to the system, `seen_ns` when
    the system had what the last poll found: all else is the client's time, not the server's. With `spin` short waits keep a CPU
    busy, which holds the highest rates; without, the CPU is left to a server that computes (two hardware threads of one core are
    not two CPUs).
    """

    connect_s = CONNECT_S

    def __init__(
        self,
        port: int,
        request: bytes | RequestOf,
        connections: int,
        on_reply: OnReply | None = None,
        spin: bool = True,
    ) -> None:
        machine_limits().check(connections=connections)
        self._port = port
        self._request_of: RequestOf = request if callable(request) else lambda _: request
        self._on_reply: OnReply = on_reply or (lambda *_: None)
        self._selector = selectors.DefaultSelector()
        self._epoll = _epoll_of(self._selector)
        self.sent_ns = self.seen_ns = 0
        self._watched: dict[int, tuple[socket.socket, ReplyReader]] = {}
        self._free: deque[socket.socket] = deque()
        self._in_flight: dict[socket.socket, int] = {}
        self._unwatched: set[socket.socket] = set()
        self._spins = spin and effective_cpus() >= 2
        files = allow_files()
        try:
            self._connect_all(connections)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError) and error.errno == errno.EMFILE:
                raise BadInput(
                    f"This needs {connections} open connections, and this system allows a program at most {files} files. "
                    "Raise that limit (ulimit -n) and start again."
                ) from None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, number: int) -> bool:
        """Send the request on a free connection; false when there is none."""
        connection = self._take(number)
        if connection is None:
            return False
        request = self._request_of(number)
        if connection in self._unwatched:
            self._unwatched.remove(connection)
            self._selector.register(connection, selectors.EVENT_READ)
        self.sent_ns = SYSTEM_CLOCK.now_ns()
        try:
            connection.send(request)
        except OSError:
            pass  # found by the next poll, as the end of the connection
        self._in_flight[connection] = number
        return True

    def poll(self, timeout_s: float) -> list[tuple[int, bool]]:
        """Requests that have ended; waits up to `timeout_s` for the first, a little less where that costs accuracy."""
        if self._spins:
            timeout_s = 0.0 if timeout_s < 2 * TICK_S else timeout_s - 2 * TICK_S
        ready = self._ready(timeout_s)
        if not ready:
            return []
        self.seen_ns = SYSTEM_CLOCK.now_ns()
        ended = []
        for descriptor, _ in ready:
            if descriptor not in self._watched:
                continue  # reading one connection was the end of others: their server is gone
            connection, replies = self._watched[descriptor]
            number = self._in_flight.get(connection)
            if number is None:
                # Its other end has hung up: readable for ever, it would keep a CPU busy. The next request finds it out.
                self._selector.unregister(connection)
                self._unwatched.add(connection)
            elif (succeeded := self._read(number, connection, replies)) is not None:
                ended.append((number, succeeded))
        return ended

    def _ready(self, timeout_s: float) -> list[tuple[int, int]]:
        """File descriptors of connections that have something to read."""
        if self._epoll is None:
            return [(key.fd, events) for key, events in self._selector.select(timeout_s)]
        descriptor = self._epoll.fileno()
        if timeout_s > 0 and not self._spins and descriptor <= MAX_WATCHED:
            # epoll waits whole milliseconds, select microseconds; and select may watch the epoll, however much that watches.
            select.select([descriptor], [], [], timeout_s)
            timeout_s = 0.0
        return self._epoll.poll(timeout_s)

    def forget(self) -> None:
        """Hang up where a request is still under way: its reply would be taken for one of the next load's."""
        for connection in list(self._in_flight):
            self._replace(connection)

    def close(self) -> None:
        """Hang up everywhere."""
        for connection, _ in list(self._watched.values()):
            self._drop(connection)
        if self._epoll is not None:
            self._epoll.close()
        self._selector.close()

    def _read(self, number: int, connection: socket.socket, replies: ReplyReader) -> bool | None:
        """Whether the request that is in flight on a connection has succeeded; None while it has not ended."""
        try:
            data = connection.recv(CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self._replace(connection)
            return False
        reply = replies.feed(data)
        if reply is None:
            return None
        del self._in_flight[connection]
        self._give_back(connection)
        self._on_reply(number, reply)
        return reply.is_ok

    # What a target with several servers does otherwise: `_take` to `_replace`.

    def _take(self, number: int) -> socket.socket | None:
        return self._free.popleft() if self._free else None

    def _give_back(self, connection: socket.socket) -> None:
        self._free.append(connection)

    def _connect_all(self, connections: int) -> None:
        for _ in range(connections):
            self._free.append(self._connect(self._port))

    def _connect(self, port: int) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), self.connect_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ)
        self._watched[connection.fileno()] = connection, ReplyReader()
        return connection

    def _replace(self, connection: socket.socket) -> None:
        del self._in_flight[connection]
        self._drop(connection)
        try:
            self._free.append(self._connect(self._port))
        except OSError:
            # The server is gone; what is still to be sent is counted as not sent when no connection is left.
            self._hang_up(self._free)

    def _hang_up(self, idle: deque[socket.socket]) -> None:
        # A connection whose other end is closed is readable for ever: watched, it would keep a CPU busy.
        while idle:
            self._drop(idle.popleft())

    def _drop(self, connection: socket.socket) -> None:
        if connection in self._unwatched:
            self._unwatched.remove(connection)
        else:
            self._selector.unregister(connection)
        del self._watched[connection.fileno()]
        connection.close()


def _epoll_of(selector: selectors.BaseSelector) -> Any:
    """What the selector watches, asked without its detour, which takes longer than the question; None where there is no epoll."""
    if not hasattr(select, "epoll") or not hasattr(selector, "fileno"):
        return None
    # Each of the two closes a descriptor of its own.
    return select.epoll.fromfd(os.dup(selector.fileno()))
