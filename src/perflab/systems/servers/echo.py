"""The simplest server there is: it sends back what it gets, over TCP or, on `GET /`, over HTTP."""

from __future__ import annotations

import asyncio

from perflab.systems.http.http11 import Reply, Request, start_server
from perflab.systems.process.child import keep_serving, run_server


async def answer(request: Request) -> Reply:
    """Echo the body, or greet."""
    return Reply(request.body or b"hello")


class Echo(asyncio.Protocol):
    """Sends back every byte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)  # type: ignore[attr-defined]


async def _main(http: bool) -> None:
    loop = asyncio.get_running_loop()
    await keep_serving(await (start_server(answer) if http else loop.create_server(Echo, "127.0.0.1", 0)), {})


if __name__ == "__main__":
    run_server(_main)
