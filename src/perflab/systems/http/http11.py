"""A small HTTP/1.1 server on asyncio: keep-alive, Content-Length, limits; no TLS, no chunks, no pipelining.

Smaller than a web framework because the time it takes itself is part of every latency measured through it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from perflab.measure.shortage import shortage_of

BACKLOG = 1_024
MAX_HEAD = 16_384
MAX_BODY = 1_000_000
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large"}
REASONS |= {500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass(frozen=True)
class Request:
    """What a handler gets. By `perf_counter_ns`, its head had been read at `arrived_ns`, and all was parsed at `parsed_ns`.

    `state` is for those who handle it: what one notes of this request, others read.
    """

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    arrived_ns: int = 0
    parsed_ns: int = 0
    state: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Reply:
    """What a handler gives back; `headers` are added to the usual ones."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self, keep_alive: bool = True) -> bytes:
        """The reply as it goes over the wire."""
        lines = [f"HTTP/1.1 {self.status} {REASONS[self.status]}", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [] if keep_alive else ["Connection: close"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


Handler = Callable[[Request], Awaitable[Reply]]


class BadRequest(Exception):
    """A request that cannot be read; carries the status to answer with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def start_server(handler: Handler) -> asyncio.Server:
    """Listen on a free port of 127.0.0.1. Nagle's algorithm is off: asyncio sees to that."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _answer_one(reader, writer, handler):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()

    return await asyncio.start_server(converse, "127.0.0.1", 0, backlog=BACKLOG, limit=MAX_HEAD)


async def _answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> bool:
    """Read, handle and answer one request; false when the connection is to be closed."""
    try:
        received = await _read_request(reader)
        if received is None:
            return False
        request, keep_alive = received
        reply = await handler(request)
    except (ConnectionError, asyncio.IncompleteReadError):
        raise
    except BadRequest as error:
        reply, keep_alive = _error(error.status, str(error)), False
    except Exception as error:
        reply, keep_alive = reply_to_error(error), True
    writer.write(reply.encode(keep_alive))
    await writer.drain()
    return keep_alive


def reply_to_error(error: Exception) -> Reply:
    """Status 500, with what a handler raised."""
    if shortage_of(error):  # a server that has no more threads or files ends, and says so
        asyncio.get_running_loop().call_exception_handler({"message": "no means to answer", "exception": error})
    return _error(500, f"{type(error).__name__}: {error}")


async def _read_request(reader: asyncio.StreamReader) -> tuple[Request, bool] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    except asyncio.LimitOverrunError:
        raise BadRequest(413, f"the head of a request may have {MAX_HEAD:,} bytes") from None
    arrived_ns = perf_counter_ns()
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    try:
        method, target, version = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
    except ValueError:
        raise BadRequest(400, "this is not an HTTP request") from None
    if "transfer-encoding" in headers or length < 0:
        raise BadRequest(400, "send a body with a Content-Length")
    if length > MAX_BODY:
        raise BadRequest(413, f"a body may have {MAX_BODY:,} bytes")
    body = await reader.readexactly(length) if length else b""
    parts = urlsplit(target)
    keep_alive = headers.get("connection", "").lower() != "close" and version == "HTTP/1.1"
    query = dict(parse_qsl(parts.query))
    return Request(method, parts.path, query, body, arrived_ns, perf_counter_ns()), keep_alive


def _error(status: int, message: str) -> Reply:
    return Reply(json.dumps({"error": message}).encode(), status, (("Content-Type", "application/json"),))
