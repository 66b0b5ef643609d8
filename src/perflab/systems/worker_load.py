"""Requests of independent users to a server with workers, watched while it runs; each names what it wants done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.measure.http_target import http_target
from perflab.measure.live_load import open_loop_slices
from perflab.systems.child import ChildServer
from perflab.systems.connection import reply_end, request_bytes
from perflab.systems.worker_kinds import Work
from perflab.systems.worker_server import LONGEST_STAGE_MS, Stages, stages_of, worker_server

SLICE_S = 0.15
MOST_INSIDE = 450
STAGES = ("arrived_ns", "started_ns", "connected_ns", "done_ns")
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
    server: ChildServer, work: Callable[[int], Work], schedule_ns: NDArray[np.int64], seconds: float
) -> Iterator[Frame]:
    """Frames of `seconds` of load on a server with workers; `work` says what each request, by its number, wants done.

    Columns: "came_s" of all that were due so far; of those that succeeded "done_s" and "latency_ns" as the client saw them, and
    the stages "arrived_ns", "started_ns", "connected_ns", "done_ns" on the server's clock; "lateness_ns" of all that were sent;
    "noted_ns", "busy", "queued", "in_use" as the server saw itself.
    Counts: "calls" that succeeded, "rejected" for want of a place, other "failures", "dropped" for want of a connection.
    Facts: "elapsed_s", and how many are "inside".
    """
    told: dict[int, Stages] = {}
    rejected: set[int] = set()
    noted: list[list[int]] = []

    def on_reply(number: int, reply: bytes) -> None:
        if reply.startswith(b"HTTP/1.1 200 "):
            told[number] = stages_of(reply)
        elif reply.startswith(TURNED_AWAY):
            rejected.add(number)

    def pause() -> None:
        noted[:] = server.ask("pause")["gauges"]

    with http_target(
        server.port, lambda number: _request(work(number)), reply_end, MOST_INSIDE, on_reply, False
    ) as target:
        due = 0
        for piece in open_loop_slices(schedule_ns, target, seconds, SLICE_S, pause, lambda: server.ask("resume")):
            before, due = due, int(np.searchsorted(schedule_ns, piece.until_ns))
            stages = [told[int(number)] for number in piece.numbers[piece.succeeded]]
            columns: dict[str, NDArray[Any]] = {
                name: np.array([getattr(stage, name) for stage in stages], np.int64) for name in STAGES
            }
            columns |= {"latency_ns": piece.response_ns[piece.succeeded], "lateness_ns": piece.lateness_ns}
            columns |= {"came_s": schedule_ns[before:due] / 1e9, "done_s": piece.done_ns[piece.succeeded] / 1e9}
            columns |= {name: np.array([row[place] for row in noted], np.int64) for place, name in enumerate(GAUGES)}
            failed = piece.numbers[~piece.succeeded]
            turned_away = sum(int(number) in rejected for number in failed)
            counts = {
                "calls": len(stages),
                "rejected": turned_away,
                "failures": failed.size - turned_away,
                "dropped": piece.dropped,
            }
            yield Frame(columns, counts, {"elapsed_s": piece.until_ns / 1e9, "inside": piece.inside})


def _request(work: Work) -> bytes:
    return request_bytes(f"/work?wait={work.wait_ms:.3f}&compute={work.compute_ms:.3f}&query={work.query_ms:.3f}")
