"""Load on a server with workers: each request names what it wants done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.measure.http_reply import Reply
from perflab.systems.clients.loading import MAX_IN_FLIGHT, load_on
from perflab.systems.http.connection import Connection, request_bytes
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import MAX_STAGE_MS, stages_of, worker_server


def watched_load(
    workers: int, schedule_ns: NDArray[np.int64], waits_ms: NDArray[np.float64], seconds: float
) -> Iterator[Frame]:
    """Frames of `seconds` of load on a new server with threads that wait, as `watch` has them.

    `schedule_ns` and `waits_ms` have shape (requests,).
    """
    waits = np.minimum(waits_ms, MAX_STAGE_MS)
    with worker_server(workers) as server:
        yield from watch(server, lambda number: Work(wait_ms=waits[number]), schedule_ns, seconds)


def watch(
    server: PausableServer,
    work: Callable[[int], Work],
    schedule_ns: NDArray[np.int64],
    seconds: float,
    in_flight: int = MAX_IN_FLIGHT,
) -> Iterator[Frame]:
    """Frames of `seconds` of load on a server with workers; `work` says what each request, by its number, wants done.

    As `load_on`, with the server's `Stages` of each request on its own clock, and its `GAUGES`.
    """
    return load_on(server, lambda number: work_request(work(number)), schedule_ns, seconds, note_stages, in_flight)


def note_stages(reply: Reply) -> dict[str, int]:
    """The `Stages` that a reply tells, by their names."""
    return stages_of(reply.body)._asdict()


def saturated(port: int, work: Work, clients: int, seconds: float) -> float:
    """Requests per second that a server does for so many clients, each of which asks again at once (a closed loop)."""
    request = work_request(work)
    ends = time.perf_counter() + seconds

    def client(connection: Connection) -> float:
        done, began = 0, time.perf_counter()
        while not done or time.perf_counter() < ends:
            connection.ask(request).checked("/work")
            done += 1
        return done / (time.perf_counter() - began)

    with ExitStack() as opened:
        connections = [opened.enter_context(closing(Connection(port))) for _ in range(clients)]
        crowd = opened.enter_context(ThreadPoolExecutor(clients))
        return sum(crowd.map(client, connections))


def work_request(work: Work) -> bytes:
    """The request that asks a server with workers for this work."""
    asked = f"wait={work.wait_ms:.3f}&compute={work.compute_ms:.3f}&query={work.query_ms:.3f}"
    if work.copy_bytes or work.write_bytes or work.reply_bytes:
        asked += f"&copy={work.copy_bytes}&write={work.write_bytes}&reply={work.reply_bytes}"
    return request_bytes(f"/work?{asked}")
