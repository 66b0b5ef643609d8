"""Tests of real servers: run as root and as an ordinary user, asked over plain sockets, skipped where there is none."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S

from perflab.systems.process.installed import Installable
from perflab.systems.servers.real.http import PAGE
from perflab.systems.servers.real.postgresql import startup

NEED_SERVERS = "PERFLAB_NEED_SERVERS"
ROOT, ORDINARY = "root", "an ordinary user"
# Python and this checkout may be in folders of root's own: the ordinary user may read them, and nothing else that is root's.
READ_ALL = "+dac_read_search"
AS_NOBODY = (
    "setpriv",
    "--reuid=nobody",
    "--regid=65534",
    "--clear-groups",
    f"--inh-caps={READ_ALL}",
    f"--ambient-caps={READ_ALL}",
)
MEASURER = """
import json, os, sys, psutil
from perflab.systems.servers.real.servers import SERVERS
server = next(each for each in SERVERS if each.name == sys.argv[1])
with server.start() as started:
    keeper = psutil.Process(started.pid)
    told = {"port": started.port, "socket_path": started.socket_path, "folder": str(started.folder), "main": started.main_pid,
            "keeper": keeper.pid, "pids": [each.pid for each in [keeper, *keeper.children(recursive=True)]]}
    print(json.dumps(told), flush=True)
    sys.stdin.read()
"""


def require(server: Installable) -> None:
    """Skip the test where this server is not installed; in CI, which installs all, fail."""
    if server.find() is None:
        if os.environ.get(NEED_SERVERS):
            pytest.fail(f"{server.name} is not installed, and {NEED_SERVERS} is set")
        pytest.skip(f"{server.name} is not installed")


def as_user(user: str) -> tuple[str, ...]:
    """What stands before a command so that this user runs it; skips the test where that cannot be."""
    is_root = os.geteuid() == 0
    if user == ROOT and not is_root:
        pytest.skip("these tests are not run as root")
    if user == ROOT or not is_root:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv, with which root becomes an ordinary user")
    return AS_NOBODY


@contextmanager
def measurer(server: Installable, user: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A process of this user that has started the server, and what it told of it; it ends when its input is closed."""
    command = [*as_user(user), sys.executable, "-c", MEASURER, server.name]
    environment = {**os.environ, "TMPDIR": "/tmp", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd="/"
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "it told nothing: its error stands above"
        yield process, json.loads(line)


@contextmanager
def connected(port: int, path: str | None) -> Iterator[socket.socket]:
    """A connection to a server that listens at one of them."""
    with socket.socket(socket.AF_INET if path is None else socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(("127.0.0.1", port) if path is None else path)
        yield connection


def asked(connection: socket.socket, request: bytes, until: Callable[[bytes], object]) -> bytes:
    """Send a request, and read until the reply is complete."""
    connection.sendall(request)
    reply = b""
    while not until(reply):
        data = connection.recv(65_536)
        assert data, f"the connection was closed after {reply!r}"
        reply += data
    return reply


def get(connection: socket.socket, path: str = "/") -> tuple[int, bytes]:
    """Status and body of a GET over HTTP/1.1, whose body is the rest or of the length told."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    reply = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = reply.partition(b"\r\n\r\n")
    if b"chunked" in head:
        body = b"".join(line for line in body.split(b"\r\n")[1:-3:2])
    return int(head.split()[1]), body


def query(connection: socket.socket, sql: str) -> list[str | None]:
    """Log in to PostgreSQL and run one query: the first columns of its rows ("Frontend/Backend Protocol", "Simple Query")."""
    ready = b"Z\0\0\0\5I"
    asked(connection, startup(), lambda reply: reply.endswith(ready))
    words = sql.encode() + b"\0"
    reply = asked(connection, b"Q" + struct.pack("!i", 4 + len(words)) + words, lambda reply: reply.endswith(ready))
    return list(_first_columns(reply))


def _first_columns(reply: bytes) -> Iterator[str | None]:
    while reply:
        (length,) = struct.unpack_from("!i", reply, 1)
        if reply[:1] == b"E":
            raise AssertionError(reply[5 : 1 + length])
        if reply[:1] == b"D":
            (size,) = struct.unpack_from("!i", reply, 7)
            yield None if size < 0 else reply[11 : 11 + size].decode()
        reply = reply[1 + length :]


def one_answer(server: Installable, port: int, path: str | None) -> object:
    """What the server answers to one real request of its kind."""
    with connected(port, path) as connection:
        if server.name == "Redis":
            return asked(connection, b"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n", lambda reply: reply.count(b"\r\n") == 2)
        if server.name == "PostgreSQL":
            return query(connection, "select 6 * 7")
        return get(connection)


ANSWERS: dict[str, object] = {
    "Redis": b"$5\r\nhello\r\n",
    "PostgreSQL": ["42"],
    "nginx": (200, PAGE.encode()),
    "Apache": (200, PAGE.encode()),
    "Node.js": (200, PAGE.encode()),
}


def segments_of(pid: int) -> list[str]:
    """Segments of shared memory that this process made and nobody removed."""
    table = Path("/proc/sysvipc/shm")
    rows = table.read_text().splitlines()[1:] if table.exists() else []
    return [row for row in rows if row.split()[4] == str(pid)]
