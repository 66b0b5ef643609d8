"""A server with a pool of workers behind a bounded queue, and a pool of database connections behind the workers.

`GET /work?wait=2.5&compute=0.5&query=1.0` asks for so many milliseconds of waiting (for another service, say), of computing and
of holding a database connection; the client draws these times, so that it knows them. Whoever finds all workers busy and the
queue full is turned away with status 503. The reply's body tells the stages of the request: see `Stages`. Between the controls
"pause" and "resume" waiting stands still.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any

from perflab.measure.guards import BadInput, check_number, machine_limits
from perflab.systems.child import ChildServer, announce, leave_with_parent, read_config, serve
from perflab.systems.computing import compute, steps_per_ms
from perflab.systems.http11 import Reply, Request, port_of, start_server
from perflab.systems.pausable import PausableSleep

MOST_CONNECTIONS = 64
LONGEST_QUEUE = 100_000
LONGEST_STAGE_MS = 1_000.0
QUERY = "select count(*) from sqlite_schema"


@dataclass(frozen=True)
class Work:
    """What a request asks for, in milliseconds."""

    wait_ms: float = 0.0
    compute_ms: float = 0.0
    query_ms: float = 0.0

    @classmethod
    def of(cls, request: Request) -> Work:
        """The work that a request names; raises `BadInput` for what is not a number or too much."""
        named = [request.query.get(name, "0") for name in ("wait", "compute", "query")]
        return cls(*(check_number("milliseconds", _number(text), 0, LONGEST_STAGE_MS) for text in named))


@dataclass(frozen=True)
class Stages:
    """When a request came, got a worker, got a database connection, and was done: ns of the server's running, without its pauses.
    `busy` workers, `queued` requests and `connections` in use as it found them.
    """

    arrived_ns: int
    started_ns: int
    connected_ns: int
    done_ns: int
    busy: int
    queued: int
    connections: int

    def encode(self) -> bytes:
        """The reply's body."""
        return " ".join(map(str, astuple(self))).encode()


def stages_of(reply: bytes) -> Stages:
    """The stages that a whole reply tells; raises ValueError when it tells none."""
    return Stages(*map(int, reply.rpartition(b"\r\n")[2].split()))


class WorkerServer:
    """`workers` threads; `queue_length` requests may wait for one of them; `connections` to the database."""

    def __init__(self, workers: int, queue_length: int, connections: int) -> None:
        self._workers, self._queue_length = workers, queue_length
        self._threads = ThreadPoolExecutor(workers)
        self._pool: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        for _ in range(connections):
            self._pool.put(sqlite3.connect(":memory:", check_same_thread=False))
        self._connections = connections
        self._steps_per_ms = steps_per_ms()
        self._inside = 0
        self._sleeping = PausableSleep()
        self.pause, self.resume = self._sleeping.pause, self._sleeping.resume

    async def answer(self, request: Request) -> Reply:
        """One request; 503 where there is no place left."""
        arrived_ns = self._sleeping.now_ns()
        if self._inside >= self._workers + self._queue_length:
            return Reply(b"no place left", 503)
        try:
            work = Work.of(request)
        except BadInput as error:
            return Reply(str(error).encode(), 400)
        busy = min(self._inside, self._workers)
        found = (busy, self._inside - busy, self._connections - self._pool.qsize())
        self._inside += 1
        try:
            loop = asyncio.get_running_loop()
            times = await loop.run_in_executor(self._threads, self._work, work)
        finally:
            self._inside -= 1
        return Reply(Stages(arrived_ns, *times, *found).encode())

    def _work(self, work: Work) -> tuple[int, int, int]:
        started_ns = connected_ns = self._sleeping.now_ns()
        if work.wait_ms:
            self._sleeping.sleep(work.wait_ms / 1e3)
        if work.compute_ms:
            compute(int(work.compute_ms * self._steps_per_ms))
        if work.query_ms:
            connection = self._pool.get()
            connected_ns = self._sleeping.now_ns()
            try:
                connection.execute(QUERY).fetchone()
                self._sleeping.sleep(work.query_ms / 1e3)
            finally:
                self._pool.put(connection)
        return started_ns, connected_ns, self._sleeping.now_ns()


@contextmanager
def worker_server(workers: int, queue_length: int = LONGEST_QUEUE, connections: int = 1) -> Iterator[ChildServer]:
    """The server in a process of its own, for as long as the block lasts.

    Raises `BadInput` for more workers, places or connections than are allowed.
    """
    check_number("workers", workers, 1, machine_limits().threads, whole=True)
    check_number("queue_length", queue_length, 0, LONGEST_QUEUE, whole=True)
    check_number("connections", connections, 1, MOST_CONNECTIONS, whole=True)
    with serve(
        "perflab.systems.worker_server", workers=workers, queue_length=queue_length, connections=connections
    ) as server:
        yield server


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


async def _main(**config: Any) -> None:
    workers = WorkerServer(**config)
    server = await start_server(workers.answer)
    leave_with_parent({"pause": workers.pause, "resume": workers.resume})
    announce(port_of(server))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(**read_config()))
