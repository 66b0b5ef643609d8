"""An event loop: one thread reads, computes and answers for all connections, and never waits for one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from perflab.measure import http_reply
from perflab.measure.http_reply import HEAD_END, ReplyReader
from perflab.systems.http.connection import request_bytes
from perflab.systems.http.http11 import MAX_HEAD, BadRequest, Reply
from perflab.systems.servers.web.answers import FIRST_REQUEST_S, NOTHING_BEHIND, WAIT, answer, read_head

OnReply = Callable[[Reply], object]
LOOK_S = 1.0
CLOSES = b"connection: close"


class Behind:
    """The server behind: as many connections as requests are under way at a time, each kept open for the next one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.idle: list[ToBackend] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, target: str, ms: float, on_reply: OnReply) -> None:
        """Have the reply given to `on_reply`; without a server behind, after a wait here."""
        if not self._port:
            asyncio.get_running_loop().call_later(ms / 1e3, on_reply, Reply(b"ok"))
        elif self.idle:
            self.idle.pop().send(target, on_reply)
        else:
            task = asyncio.create_task(self._ask_on_a_new_one(target, on_reply))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask_on_a_new_one(self, target: str, on_reply: OnReply) -> None:
        try:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(lambda: ToBackend(self), "127.0.0.1", self._port)
        except OSError:
            on_reply(NOTHING_BEHIND)
            return
        connection.send(target, on_reply)


class ToBackend(asyncio.Protocol):
    """A connection to the server behind, with at most one request under way."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind
        self._replies = ReplyReader()
        self._on_reply: OnReply | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self, target: str, on_reply: OnReply) -> None:
        """Pass a request on."""
        self._on_reply = on_reply
        self._transport.write(request_bytes(target))

    def data_received(self, data: bytes) -> None:
        reply = self._replies.feed(data)
        if reply is not None:
            if CLOSES not in reply.head.lower():
                self._behind.idle.append(self)
            self._finish(_passed_on(reply))

    def connection_lost(self, _: Exception | None) -> None:
        if self in self._behind.idle:
            self._behind.idle.remove(self)
        self._finish(NOTHING_BEHIND)

    def _finish(self, reply: Reply) -> None:
        on_reply, self._on_reply = self._on_reply, None
        if on_reply is not None:
            on_reply(reply)


class Client(asyncio.Protocol):
    """A client's connection, closed when it was idle for too long."""

    def __init__(self, behind: Behind, keep_alive_s: float) -> None:
        self._behind, self._keep_alive_s = behind, keep_alive_s
        self._received = b""
        self._is_busy = self._keeps = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._idle_until = self._loop.time() + FIRST_REQUEST_S
        self._watch = self._loop.call_at(self._idle_until, self._close_if_idle)

    def connection_lost(self, _: Exception | None) -> None:
        self._watch.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._answer_next()

    def _answer_next(self) -> None:
        if self._is_busy or (HEAD_END not in self._received and len(self._received) <= MAX_HEAD):
            return
        head, _, self._received = self._received.partition(HEAD_END)
        self._is_busy = True
        try:
            asked = read_head(head)
        except BadRequest as error:
            self._keeps = False
            self._reply(Reply(str(error).encode(), error.status))
            return
        self._keeps = asked.keep_alive and self._keep_alive_s > 0
        if asked.path == WAIT:
            self._behind.ask(asked.target, asked.ms, self._reply)
        else:
            self._reply(answer(asked, lambda *_: NOTHING_BEHIND))

    def _reply(self, reply: Reply) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(reply.encode(self._keeps))
        self._is_busy = False
        if not self._keeps:
            self._transport.close()
            return
        self._idle_until = self._loop.time() + self._keep_alive_s
        if self._idle_until < self._watch.when():
            self._watch.cancel()
            self._watch = self._loop.call_at(self._idle_until, self._close_if_idle)
        self._answer_next()

    def _close_if_idle(self) -> None:
        # One timer a connection: it is not made anew at each request, but looks again when it was too early.
        now = self._loop.time()
        if self._is_busy or self._idle_until > now:
            self._watch = self._loop.call_at(now + LOOK_S if self._is_busy else self._idle_until, self._close_if_idle)
        else:
            self._transport.close()


def _passed_on(reply: http_reply.Reply) -> Reply:
    return Reply(reply.body) if reply.is_ok else NOTHING_BEHIND
