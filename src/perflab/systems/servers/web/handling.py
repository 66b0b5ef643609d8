"""An event loop that has each request handled by a function of the learner's; processes of their own may compute for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from perflab.systems.http.http11 import Reply, Request, start_server
from perflab.systems.process.child import keep_serving, run_server
from perflab.systems.servers.pickled import unpacked
from perflab.systems.servers.real.http import PAGE
from perflab.systems.servers.web.answers import COMPUTE, compute_for
from perflab.systems.servers.web.event_loop import Behind

Compute = Callable[[float], object]
Offload = Callable[[float], Awaitable[object]]
Handle = Callable[[float, Compute, Offload], Awaitable[object]]
"""Does what a request asks for, ms of computing: here by `compute(ms)`, or elsewhere by `await offload(ms)`."""


async def offload_to(behind: Behind, ms: float) -> None:
    """Have a process behind compute."""
    done: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    behind.ask(f"{COMPUTE}?ms={ms:g}", ms, done.set_result)
    if (reply := await done).status != 200:
        raise RuntimeError(reply.body.decode())


async def serve(handle: Any, compute_port: int) -> None:
    """Serve until the parent is gone."""
    behind, handler = Behind(compute_port), unpacked(handle)

    async def answer(request: Request) -> Reply:
        await handler(float(request.query.get("ms", 0)), compute_for, lambda ms: offload_to(behind, ms))
        return Reply(PAGE.encode() if request.path == "/" else b"ok")

    await keep_serving(await start_server(answer), {})


if __name__ == "__main__":
    run_server(serve)
