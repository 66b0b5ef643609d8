"""Our web server as a child process: one of four architectures around the same answers."""

from __future__ import annotations

import asyncio
import socket
import threading
from functools import partial
from typing import Any

from perflab.systems.process.child import announce, exit_with_parent, keep_serving, read_config, run_server
from perflab.systems.servers.web import answers
from perflab.systems.servers.web.event_loop import Behind, Client
from perflab.systems.servers.web.forking import Converse, serve_each, serve_prefork
from perflab.systems.servers.web.settings import Settings

PROCESS_EACH, PREFORK, THREADS, LOOP = "process per connection", "prefork", "threads", "event loop"
NEED_FORK = (PROCESS_EACH, PREFORK)
MAX_PROCESSES = 50
"""One for each connection: 3 MB of memory each, on a machine that may have 1 GB. The next one waits in the backlog."""


def serve_threads(listening: socket.socket, converse: Converse) -> None:
    """A thread per connection."""
    exit_with_parent({})
    announce(listening.getsockname()[1])
    while True:
        threading.Thread(target=converse, args=(listening.accept()[0],), daemon=True).start()


async def serve_loop(settings: Settings) -> None:
    """One event loop."""
    behind = Behind(settings.backend_port)
    server = await asyncio.get_running_loop().create_server(
        lambda: Client(behind, settings.keep_alive_s), "127.0.0.1", 0, backlog=settings.backlog
    )
    await keep_serving(server, {})


def main(architecture: str, **given: Any) -> None:
    """Serve until the parent is gone."""
    settings = Settings(**given)
    if architecture == LOOP:
        run_server(serve_loop, config={"settings": settings})
        return
    converse = partial(answers.converse, backend_port=settings.backend_port, keep_alive_s=settings.keep_alive_s)
    with socket.create_server(("127.0.0.1", 0), backlog=settings.backlog) as listening:
        if architecture == PREFORK:
            serve_prefork(listening, converse, settings.workers)
        elif architecture == PROCESS_EACH:
            serve_each(listening, converse, MAX_PROCESSES)
        else:
            serve_threads(listening, converse)


if __name__ == "__main__":
    main(**read_config())
