"""Everyday operations, each made ready by a context manager that yields a function without arguments."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

from perflab.measure.sync import sync_file
from perflab.systems.databases.temporary import fill, quick_connection, temporary
from perflab.systems.http.connection import Connection
from perflab.systems.operations.computing import blur_image, grow_tree, infer, solve_equations
from perflab.systems.process.child import serve

Operation = Callable[[], object]
KEYS = 1_000
BLOCK = 4_096
MESSAGE = b"x" * 64


@contextmanager
def dict_lookup() -> Iterator[Operation]:
    """One key in a dict of a thousand."""
    table = {f"key {number}": number for number in range(KEYS)}
    yield lambda: table["key 500"]


@contextmanager
def printed_lookup() -> Iterator[Operation]:
    """The same look-up, and its result printed, line by line: what a `print` between two readings of the clock does."""
    with dict_lookup() as look_up, tempfile.TemporaryFile("w", buffering=1, encoding="utf-8") as log:
        yield lambda: print(look_up(), file=log)


@contextmanager
def function_call() -> Iterator[Operation]:
    """A function that does nothing: the least that this stopwatch can see."""
    yield lambda: None


@contextmanager
def file_read() -> Iterator[Operation]:
    """4 kB of a file that is in the system's page cache."""
    with tempfile.TemporaryFile() as file:
        file.write(os.urandom(BLOCK))
        file.flush()
        descriptor = file.fileno()
        yield lambda: (os.lseek(descriptor, 0, os.SEEK_SET), os.read(descriptor, BLOCK))


@contextmanager
def append_and_fsync() -> Iterator[Operation]:
    """4 kB appended to a file and pushed to the disk."""
    with tempfile.TemporaryFile(buffering=0) as file:
        block, descriptor = bytes(BLOCK), file.fileno()

        def append() -> None:
            os.write(descriptor, block)
            sync_file(descriptor)

        yield append


@contextmanager
def sqlite_lookup() -> Iterator[Operation]:
    """One row by its key in a table of a thousand."""
    with temporary("people", quick_connection) as people:
        people.execute("create table people (id integer primary key, name text, age integer)")
        fill(people, "people", "n, 'name' || n, n % 90", KEYS)
        yield lambda: people.execute("select id, name, age from people where id = ?", (KEYS // 2,)).fetchone()


@contextmanager
def tcp_round_trip() -> Iterator[Operation]:
    """64 bytes to a server in another process and back."""
    with serve("perflab.systems.servers.echo", http=False) as server, closing(Connection(server.port)) as connection:
        yield lambda: connection.exchange(MESSAGE)


@contextmanager
def http_request() -> Iterator[Operation]:
    """A GET request to an HTTP server in another process, over a connection that stays open."""
    with serve("perflab.systems.servers.echo", http=True) as server, closing(Connection(server.port)) as connection:
        yield connection.get


@contextmanager
def sleep_1_ms() -> Iterator[Operation]:
    """Ask to be woken after one millisecond."""
    yield lambda: time.sleep(0.001)


OPERATIONS: dict[str, Callable[[], AbstractContextManager[Operation]]] = {
    "dict lookup": dict_lookup,
    "dict lookup, printed": printed_lookup,
    "function call": function_call,
    "file read, 4 kB": file_read,
    "append + fsync, 4 kB": append_and_fsync,
    "SQLite lookup by key": sqlite_lookup,
    "TCP round trip, loopback": tcp_round_trip,
    "HTTP request, loopback": http_request,
    "sleep 1 ms": sleep_1_ms,
    "tree of 11 objects": grow_tree,
    "500 linear equations": solve_equations,
    "ML inference, 3 layers": infer,
    "image blur, 1 megapixel": blur_image,
}
