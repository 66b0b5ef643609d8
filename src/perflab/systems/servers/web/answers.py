"""What a web server answers here: "/" a page of 1 KB, "/wait?ms=" after a wait, "/compute?ms=" after so much CPU time.

"/timed?ms=" waits too, where a process or thread of its own does, and is answered with when that began and ended: two readings
(ns) of the clock that this machine's processes share.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from typing import NamedTuple

from perflab.measure.http_reply import HEAD_END
from perflab.systems.http.connection import Connection, request_bytes
from perflab.systems.http.http11 import MAX_HEAD, BadRequest, Reply
from perflab.systems.machine.computing import compute
from perflab.systems.servers.real.http import PAGE

WAIT, COMPUTE, TIMED = "/wait", "/compute", "/timed"
MAX_MS = 10_000.0
STEPS = 500
"""Between two looks at the CPU clock: some 30 µs, 50 times as long as a look."""
FIRST_REQUEST_S = 30.0
"""How long a new connection may send nothing; the keep-alive timeout counts between requests."""
CHUNK = 65_536
NOTHING_BEHIND = Reply(b"The server behind does not answer.", 503)

Wait = Callable[[str, float], Reply]
"""What answers "/wait", given the target as it was asked for, and the milliseconds in it."""


class Asked(NamedTuple):
    """A request for one of the paths."""

    target: str
    path: str
    ms: float
    keep_alive: bool


def read_head(head: bytes) -> Asked:
    """What is asked for; raises `BadRequest` for what is no request of this kind."""
    first, _, rest = head.partition(b"\r\n")
    try:
        _, target, version = first.decode("ascii").split(" ")
        path, _, query = target.partition("?")
        ms = float(query.removeprefix("ms=") or 0)
    except ValueError:
        raise BadRequest(400, "this is not a request such as GET /wait?ms=50") from None
    if not (math.isfinite(ms) and 0 <= ms <= MAX_MS):
        raise BadRequest(400, f"ms must be a number from 0 to {MAX_MS:,.0f}")
    return Asked(target, path, ms, version == "HTTP/1.1" and b"connection: close" not in rest.lower())


def answer(asked: Asked, wait: Wait) -> Reply:
    """The reply, after all that it takes."""
    if asked.path == WAIT:
        return wait(asked.target, asked.ms)
    if asked.path == TIMED:
        begun_ns = time.perf_counter_ns()
        reply = wait(f"{WAIT}?ms={asked.ms:g}", asked.ms)
        return Reply(f"{begun_ns} {time.perf_counter_ns()}".encode()) if reply.status == 200 else reply
    if asked.path == COMPUTE:
        compute_for(asked.ms)
        return Reply(b"ok")
    return Reply(PAGE.encode()) if asked.path == "/" else Reply(b"", 404)


def compute_for(ms: float) -> None:
    """Compute in Python for so many milliseconds of CPU time of this thread, however long others keep it from the CPU."""
    until_ns = time.thread_time_ns() + round(ms * 1e6)
    while time.thread_time_ns() < until_ns:
        compute(STEPS)


class WaitBehind:
    """Waits for the server behind, over one connection that is kept open; without such a server, it waits itself."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: Connection | None = None

    def __call__(self, target: str, ms: float) -> Reply:
        """The reply of the server behind."""
        if not self._port:
            time.sleep(ms / 1e3)
            return Reply(b"ok")
        try:
            self._connection = self._connection or Connection(self._port)
            return Reply(self._connection.ask(request_bytes(target)).checked(target).body)
        except OSError:
            self.close()
            return NOTHING_BEHIND

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def converse(connection: socket.socket, backend_port: int, keep_alive_s: float) -> None:
    """Answer one request after another until the connection is closed, or idle for too long; with 0 s, one request."""
    wait = WaitBehind(backend_port)
    received = b""
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(FIRST_REQUEST_S)
        while (received := _read_on(connection, received)) and _answer_next(
            connection, received, wait, keep_alive_s > 0
        ):
            received = received.partition(HEAD_END)[2]
            connection.settimeout(keep_alive_s)
    except OSError:
        pass  # the client went away, or was idle for too long
    finally:
        wait.close()
        connection.close()


def _read_on(connection: socket.socket, received: bytes) -> bytes:
    """What was received up to at least the end of a head; nothing once the connection is closed."""
    while HEAD_END not in received and len(received) <= MAX_HEAD:
        data = connection.recv(CHUNK)
        if not data:
            return b""
        received += data
    return received


def _answer_next(connection: socket.socket, received: bytes, wait: Wait, may_keep: bool) -> bool:
    """Whether the connection is kept after the answer."""
    try:
        asked = read_head(received.partition(HEAD_END)[0])
        reply, keep_alive = answer(asked, wait), asked.keep_alive and may_keep
    except BadRequest as error:
        reply, keep_alive = Reply(str(error).encode(), error.status), False
    connection.sendall(reply.encode(keep_alive))
    return keep_alive
