"""One reply over a link, as it is or compressed, and where its time went."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter_ns

from perflab.systems.http.connection import Connection, request_bytes
from perflab.systems.http.server_timing import state_of
from perflab.systems.process.child import ChildServer
from perflab.systems.servers.distance import distance
from perflab.systems.servers.staged_server import staged_server

REQUEST = request_bytes("/document")


@dataclass(frozen=True)
class Fetched:
    """`total_ns` from sending the request to having the document, in which the server compressed it and the client decompressed
    it (ns; 0 where it came as it is); `sent_bytes` of its body.
    """

    total_ns: int
    compress_ns: int
    decompress_ns: int
    sent_bytes: int


class Documents:
    """The client's end of a link to a server that sends the same document again and again."""

    def __init__(self, server: ChildServer, connection: Connection) -> None:
        self._server, self._connection, self._level = server, connection, 0

    def change(self, kind: str, size: int) -> None:
        """From now on another document."""
        self._server.ask("set", kind=kind, size=size)

    def fetch(self, level: int) -> tuple[bytes, Fetched]:
        """The document, compressed as a whole at this level of zlib, sent, and decompressed as a whole; 0 sends it as it is."""
        if level != self._level:
            self._server.ask("set", level=level)
            self._level = level
        asked_ns = perf_counter_ns()
        reply = self._connection.ask(REQUEST)
        had_ns = perf_counter_ns()
        document = zlib.decompress(reply.body) if level else reply.body
        done_ns = perf_counter_ns()
        spans = state_of(reply.checked("/document"))
        compress_ns = _length(spans["compression"]) - _length(spans["documents"]) if level else 0
        sizes = compress_ns, done_ns - had_ns if level else 0, len(reply.body)
        return document, Fetched(done_ns - asked_ns, *sizes)


@contextmanager
def documents(kind: str, size: int, bits_per_s: float) -> Iterator[Documents]:
    """A server of a document of so many bytes, and a link of this bandwidth to it, for as long as the block lasts."""
    with ExitStack() as opened:
        server = opened.enter_context(staged_server(("compression", {}), ("documents", {"kind": kind, "size": size})))
        link = opened.enter_context(distance(server.port, bits_per_s=bits_per_s))
        connection = Connection(link.port)
        opened.callback(connection.close)
        yield Documents(server, connection)


def _length(span: tuple[int, int]) -> int:
    return span[1] - span[0]
