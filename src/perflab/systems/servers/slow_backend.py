"""What a web server waits for: `/wait?ms=50` is answered after 50 ms, however many requests wait, for hardly any CPU time.

One process with one event loop. Smaller than `http11`, so that what stands in front of it is the first to reach its limit.
"""

from __future__ import annotations

import asyncio
from typing import Any

from perflab.systems.process.child import ChildServer, keep_serving, run_server, serve
from perflab.systems.process.loops import precise_loop_for_many

BACKLOG = 4_096
MAX_WAIT_MS, MAX_HEAD = 1_000.0, 16_384
HEAD_END, PARAMETER, CLOSE = b"\r\n\r\n", b"ms=", b"\r\nconnection: close"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def slow_backend() -> ChildServer:
    """The process, on a free port, for as long as its block lasts."""
    return serve("perflab.systems.servers.slow_backend")


def wait_s_of(head: bytes) -> float:
    """How long a request asks to wait (s), 0 where it does not say; raises ValueError for what is no such wait."""
    path = head.split(b" ", 2)[1]
    wait_ms = float(path.partition(PARAMETER)[2].partition(b"&")[0] or 0)
    if not 0 <= wait_ms <= MAX_WAIT_MS:
        raise ValueError(wait_ms)
    return wait_ms / 1e3


class Waiting(asyncio.Protocol):
    """One connection: GET requests without a body, one at a time."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._call_later = asyncio.get_running_loop().call_later

    def data_received(self, data: bytes) -> None:
        head, found, self._received = (self._received + data).partition(HEAD_END)
        if not found:
            self._received = head
            if len(head) > MAX_HEAD:
                self._transport.close()
            return
        try:
            wait_s = wait_s_of(head)
        except (ValueError, IndexError):
            self._transport.write(REFUSAL)
            self._transport.close()
            return
        # After the last byte is written, the transport closes the connection.
        answer = self._answer_and_close if CLOSE in head.lower() else self._answer
        self._call_later(wait_s, answer)

    def _answer(self) -> None:
        self._transport.write(REPLY)

    def _answer_and_close(self) -> None:
        self._answer()
        self._transport.close()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    await keep_serving(await loop.create_server(Waiting, "127.0.0.1", 0, backlog=BACKLOG), {})


if __name__ == "__main__":
    run_server(_main, precise_loop_for_many)
