"""Many clients at once in a process of their own, on threads or on one event loop: how much memory each takes, and how long.

`ask("connect")` connects them, and answers with the bytes of memory that this took (0: unknown) and how many are connected;
`ask("call")` lets each ask once, and answers with the ns until each had its reply. One client before them is not counted: it
pays for what the process needs only once.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter_ns
from typing import Any

import psutil

from perflab.measure.guards import BadInput, check_number, machine_limits
from perflab.measure.told import told
from perflab.systems.clients.calls import LoopClients, Stream, get
from perflab.systems.http.connection import Connection
from perflab.systems.process.child import ChildServer, announce, answer_requests, read_config, serve
from perflab.systems.servers.worker_kinds import LOOP, THREADS

MAX_WAIT_MS = 100.0
TIMEOUT_S = 20.0


class ThreadCrowd:
    """A thread for each client, up to so many threads; the other clients wait until one is free."""

    def __init__(self, port: int, clients: int, path: str, threads: int) -> None:
        self._port, self._path, self._clients = port, path, clients
        self._number = min(clients, threads)
        self._threads = ThreadPoolExecutor(self._number)
        self._here = threading.Semaphore(0)
        self._go = threading.Event()
        self._began_ns = 0
        self._replies: list[Future[int]] = []

    def connect(self) -> int:
        """Connect them; returns how many are connected."""
        self._replies = [self._threads.submit(self._client) for _ in range(self._clients)]
        for _ in range(self._number):
            self._here.acquire(timeout=TIMEOUT_S)
        return self._number

    def call(self) -> list[int]:
        """Let them ask; ns until each had its reply."""
        self._began_ns = perf_counter_ns()
        self._go.set()
        return [reply.result(TIMEOUT_S) for reply in self._replies]

    def _client(self) -> int:
        try:
            connection = Connection(self._port)
        finally:  # the others do not wait for a client that cannot connect
            self._here.release()
        self._go.wait(TIMEOUT_S)
        connection.get(self._path)
        took_ns = perf_counter_ns() - self._began_ns
        connection.close()
        return took_ns

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown()


class LoopCrowd:
    """A task for each client on one event loop."""

    def __init__(self, port: int, clients: int, path: str, threads: int) -> None:
        self._port, self._path, self._number = port, path, clients
        self._clients = LoopClients()

    def connect(self) -> int:
        """Connect them; returns how many are connected."""
        self._clients.connect(self._port, self._number)
        return self._number

    def call(self) -> list[int]:
        """Let them ask; ns until each had its reply."""
        began_ns = perf_counter_ns()

        async def client(stream: Stream) -> int:
            await get(*stream, self._path)
            return perf_counter_ns() - began_ns

        return self._clients.each(client, TIMEOUT_S)

    def close(self) -> None:
        """Hang up, and end the loop."""
        self._clients.close()


KINDS: dict[str, type[ThreadCrowd] | type[LoopCrowd]] = {THREADS: ThreadCrowd, LOOP: LoopCrowd}


def crowd(kind: str, port: int, clients: int, wait_ms: float) -> ChildServer:
    """Clients of a server with workers on this port, each of which will ask it to wait; gone with their block.

    Raises `BadInput` for another kind, more clients than there may be connections, or a wait that is too long.
    """
    limits = machine_limits()
    if kind not in KINDS:
        raise BadInput(f"kind must be one of {', '.join(KINDS)}; got {kind!r}.")
    check_number("clients", clients, 1, limits.connections, whole=True)
    check_number("wait_ms", wait_ms, 0, MAX_WAIT_MS)
    path = f"/work?wait={wait_ms:.3f}"
    return serve(
        "perflab.systems.clients.crowd", kind=kind, port=port, clients=clients, path=path, threads=limits.threads
    )


def _resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


def _main(kind: str, **config: Any) -> None:
    made = KINDS[kind](**config)
    first = KINDS[kind](config["port"], 1, "/work", 1)
    first.connect()
    first.call()
    first.close()

    def connect() -> dict[str, int]:
        before = told(_resident_bytes, None)
        connected = made.connect()
        after = told(_resident_bytes, None)
        return {"connected": connected, "bytes": 0 if before is None or after is None else after - before}

    announce(config["port"])
    answer_requests({"connect": connect, "call": lambda: {"reply_ns": made.call()}})


if __name__ == "__main__":
    import os
    import traceback

    try:
        _main(**read_config())
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # threads that still wait for a reply would keep the process
