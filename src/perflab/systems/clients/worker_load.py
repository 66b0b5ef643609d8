"""Requests of independent users to a server with workers, watched while it runs; each names what it wants done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.measure.http_target import http_target
from perflab.measure.live_load import open_loop_slices
from perflab.measure.load import Target
from perflab.systems.http.connection import Connection, reply_end, request_bytes
from perflab.systems.process.pausable import PausableServer
from perflab.systems.servers.worker_kinds import Work
from perflab.systems.servers.worker_server import LONGEST_STAGE_MS, Stages, stages_of, worker_server

SLICE_S = 0.15
MOST_INSIDE = 450
STAGES = ("arrived_ns", "started_ns", "begun_ns", "connected_ns", "done_ns")
GAUGES = ("noted_ns", "busy", "queued", "in_use")
TURNED_AWAY = b"HTTP/1.1 503 "


def watched_load(
    workers: int, schedule_ns: NDArray[np.int64], waits_ms: NDArray[np.float64], seconds: float
) -> Iterator[Frame]:
    """Frames of `seconds` of load on a new server with threads that wait, as `watch` has them.

    `schedule_ns` and `waits_ms` have shape (requests,).
    """
    waits = np.minimum(waits_ms, LONGEST_STAGE_MS)
    with worker_server(workers) as server:
        yield from watch(server, lambda number: Work(wait_ms=waits[number]), schedule_ns, seconds)


def watch(
    server: PausableServer, work: Callable[[int], Work], schedule_ns: NDArray[np.int64], seconds: float
) -> Iterator[Frame]:
    """Frames of `seconds` of load on a server with workers; `work` says what each request, by its number, wants done.

    As `observed`, and "noted_ns", "busy", "queued", "in_use" as the server saw itself.
    """
    witness = Witness()
    noted: list[list[int]] = []

    def pause() -> None:
        noted[:] = server.pause()["gauges"]

    with http_target(
        server.port, lambda number: work_request(work(number)), reply_end, MOST_INSIDE, witness.on_reply, False
    ) as target:
        wait_until_open(server.port)
        for frame in observed(target, witness, schedule_ns, seconds, pause, server.resume):
            gauges = {name: np.array([row[place] for row in noted], np.int64) for place, name in enumerate(GAUGES)}
            yield Frame({**frame.samples, **gauges}, frame.counts, frame.facts)


def wait_until_open(port: int, path: str = "/work") -> None:
    """Return when the server has taken all connections made so far: it takes them in order, and answers on a new one."""
    connection = Connection(port)
    try:
        connection.get(path)
    finally:
        connection.close()


def saturated(port: int, work: Work, clients: int, seconds: float) -> float:
    """Requests per second that a server does for so many clients, each of whom asks again at once (a closed loop)."""
    request = f"/work?{work_query(work)}"
    ends = time.perf_counter() + seconds

    def client(connection: Connection) -> float:
        done, began = 0, time.perf_counter()
        while not done or time.perf_counter() < ends:
            connection.get(request)
            done += 1
        return done / (time.perf_counter() - began)

    with ExitStack() as opened:
        connections = [opened.enter_context(closing(Connection(port))) for _ in range(clients)]
        crowd = opened.enter_context(ThreadPoolExecutor(clients))
        return sum(crowd.map(client, connections))


class Witness:
    """What replies tell: the stages of those who were served, and who was turned away."""

    def __init__(self) -> None:
        self.told: dict[int, Stages] = {}
        self.rejected: set[int] = set()

    def on_reply(self, number: int, reply: bytes) -> None:
        """Called with each reply."""
        if reply.startswith(b"HTTP/1.1 200 "):
            self.told[number] = stages_of(reply)
        elif reply.startswith(TURNED_AWAY):
            self.rejected.add(number)


def observed(
    target: Target,
    witness: Witness,
    schedule_ns: NDArray[np.int64],
    seconds: float,
    pause: Callable[[], object],
    resume: Callable[[], object],
) -> Iterator[Frame]:
    """Frames of `seconds` of load on a target whose replies the witness sees.

    Columns: "came_s" of all that were due so far; of those that succeeded "number", "done_s" and "latency_ns" as the client saw
    them, and the `STAGES` on the server's clock; "failed_s", moments of other failures; "lateness_ns" of all that were sent.
    Counts: "calls" that succeeded, "rejected" for want of a place, other "failures", "dropped" for want of a connection.
    Facts: "elapsed_s", and how many are "inside".
    """
    due = 0
    for piece in open_loop_slices(schedule_ns, target, seconds, SLICE_S, pause, resume):
        before, due = due, int(np.searchsorted(schedule_ns, piece.until_ns))
        served = piece.numbers[piece.succeeded]
        stages = [witness.told[int(number)] for number in served]
        columns: dict[str, NDArray[Any]] = {
            name: np.array([getattr(stage, name) for stage in stages], np.int64) for name in STAGES
        }
        failed = ~piece.succeeded & ~np.isin(piece.numbers, list(witness.rejected))
        columns |= {"number": served, "latency_ns": piece.response_ns[piece.succeeded]}
        columns |= {"came_s": schedule_ns[before:due] / 1e9, "done_s": piece.done_ns[piece.succeeded] / 1e9}
        columns |= {"failed_s": piece.done_ns[failed] / 1e9, "lateness_ns": piece.lateness_ns}
        counts = {
            "calls": served.size,
            "rejected": int((~piece.succeeded).sum() - failed.sum()),
            "failures": int(failed.sum()),
            "dropped": piece.dropped,
        }
        yield Frame(columns, counts, {"elapsed_s": piece.until_ns / 1e9, "inside": piece.inside})


def work_request(work: Work) -> bytes:
    """The request that asks a server with workers for this work."""
    return request_bytes(f"/work?{work_query(work)}")


def work_query(work: Work) -> str:
    """The work as a query."""
    asked = f"wait={work.wait_ms:.3f}&compute={work.compute_ms:.3f}&query={work.query_ms:.3f}"
    if work.copy_bytes or work.write_bytes or work.reply_bytes:
        asked += f"&copy={work.copy_bytes}&write={work.write_bytes}&reply={work.reply_bytes}"
    return asked
