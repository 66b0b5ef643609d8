"""Three kinds of workers: threads, processes, and tasks on one event loop. Each does the same work in its own way.

A request waits, computes (in pieces, between which it may be paused), uses memory and disk, and then holds a database connection.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import subprocess
from dataclasses import dataclass
from functools import cache, partial
from typing import BinaryIO

from perflab.interpreter import start_python
from perflab.systems.machine.computing import compute, pieces, steps_per_ms
from perflab.systems.machine.resources import Scratch
from perflab.systems.process.pausable import PausableSleep
from perflab.systems.servers.fair_pool import FairPool, FairTaskPool
from perflab.systems.servers.fair_threads import FairThreads

THREADS, PROCESSES, LOOP = "threads", "processes", "event loop"
PIECE_MS = 0.5
FAR_PIECE_MS = 4.0
QUERY = "select count(*) from sqlite_schema"
END_S = 1.0
COMPUTING = "perflab.systems.machine.computing"
GONE = "a worker process is gone"


@dataclass(frozen=True)
class Work:
    """What a request asks for: milliseconds, and bytes of memory copied, written to the disk, and sent in reply."""

    wait_ms: float = 0.0
    compute_ms: float = 0.0
    query_ms: float = 0.0
    copy_bytes: int = 0
    write_bytes: int = 0
    reply_bytes: int = 0


Times = tuple[int, int, int, int]
"""When a request had a worker, when that began (after a wait for the GIL or the event loop), had a connection, and was done."""
Computing = tuple[subprocess.Popen[bytes], BinaryIO]
"""A process that computes, and where it says that it has."""


class ThreadWorkers:
    """Threads: while one waits, others run; only one at a time computes, the one that holds the GIL."""

    def __init__(self, workers: int, connections: int, running: PausableSleep) -> None:
        self._running = running
        self._threads = FairThreads(workers, running.now_ns)
        self._steps_per_ms = steps_per_ms()
        self.connections = FairPool([_connect() for _ in range(connections)])

    async def do(self, work: Work) -> Times:
        """Wait for a free worker, and have it do the work."""
        return await asyncio.wrap_future(self._threads.submit(partial(self._do, work)))

    def close(self) -> None:
        self._threads.close()

    def _do(self, work: Work, started_ns: int) -> Times:
        begun_ns = connected_ns = self._running.now_ns()
        if work.wait_ms:
            self._running.sleep(work.wait_ms / 1e3)
        if work.compute_ms:
            self._compute(work.compute_ms)
        _use(work)
        if work.query_ms:
            connection = self.connections.get()
            connected_ns = self._running.now_ns()
            try:
                connection.execute(QUERY).fetchone()
                self._running.sleep(work.query_ms / 1e3)
            finally:
                self.connections.put(connection)
        return started_ns, begun_ns, connected_ns, self._running.now_ns()

    def _compute(self, milliseconds: float) -> None:
        for steps in pieces(milliseconds, PIECE_MS, self._steps_per_ms):
            self._running.stand_still()
            compute(steps)


class ProcessWorkers(ThreadWorkers):
    """Processes that compute at the same time, as far as there are CPUs; each has a thread here that waits for it."""

    def __init__(self, workers: int, connections: int, running: PausableSleep) -> None:
        super().__init__(workers, connections, running)
        self._idle: queue.SimpleQueue[Computing | None] = queue.SimpleQueue()
        self._processes = [start_python(COMPUTING) for _ in range(workers)]
        for each in self._processes:
            self._idle.put(each)

    def close(self) -> None:
        super().close()
        for process, done in self._processes:
            process.kill()
            process.wait(END_S)
            done.close()

    def _compute(self, milliseconds: float) -> None:
        computing = self._idle.get()
        if computing is None:
            self._idle.put(None)
            raise RuntimeError(GONE)
        process, done = computing
        assert process.stdin is not None
        try:
            for steps in pieces(milliseconds, FAR_PIECE_MS, self._steps_per_ms):
                self._running.stand_still()
                process.stdin.write(b"%d\n" % steps)
                process.stdin.flush()
                if not done.readline():
                    raise RuntimeError(GONE)
        except OSError:  # not to be taken for an error of the client's connection
            raise RuntimeError(GONE) from None
        finally:
            self._give_back(computing)

    def _give_back(self, computing: Computing) -> None:
        # A dead process would be free at once, again and again, and fail many requests.
        if computing[0].poll() is None:
            self._idle.put(computing)
        elif all(process.poll() is not None for process, _ in self._processes):
            self._idle.put(None)  # jobs that wait for one learn that there is none


class LoopWorkers:
    """Tasks on the event loop that also reads and answers the requests: while one computes, nothing else runs."""

    def __init__(self, workers: int, connections: int, running: PausableSleep) -> None:
        self._running = running
        self._free = FairTaskPool(range(workers), running.now_ns)
        self._steps_per_ms = steps_per_ms()
        self.connections = FairTaskPool([_connect() for _ in range(connections)])

    async def do(self, work: Work) -> Times:
        """As `ThreadWorkers.do`."""
        worker, started_ns = await self._free.get()
        begun_ns = connected_ns = self._running.now_ns()
        try:
            if work.wait_ms:
                await self._running.sleep_on_loop(work.wait_ms / 1e3)
            for steps in pieces(work.compute_ms, PIECE_MS, self._steps_per_ms):
                self._running.stand_still()
                compute(steps)
            _use(work)
            if work.query_ms:
                connection, _ = await self.connections.get()
                connected_ns = self._running.now_ns()
                try:
                    connection.execute(QUERY).fetchone()
                    await self._running.sleep_on_loop(work.query_ms / 1e3)
                finally:
                    self.connections.put(connection)
            return started_ns, begun_ns, connected_ns, self._running.now_ns()
        finally:
            self._free.put(worker)

    def close(self) -> None:
        """Nothing runs but tasks of the loop, which ends with its process."""


WORKERS: dict[str, type[ThreadWorkers | LoopWorkers]] = {
    THREADS: ThreadWorkers,
    PROCESSES: ProcessWorkers,
    LOOP: LoopWorkers,
}
KINDS = tuple(WORKERS)


@cache
def _scratch() -> Scratch:
    return Scratch()


def _use(work: Work) -> None:
    # Memory is set aside only where a request needs it.
    if work.copy_bytes or work.write_bytes:
        _scratch().copy(work.copy_bytes)
        _scratch().write(work.write_bytes)


def _connect() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False)
