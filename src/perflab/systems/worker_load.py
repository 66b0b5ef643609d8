"""Requests of independent users to a server with workers, watched while it runs; each names how long it waits inside."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.measure.http_target import http_target
from perflab.measure.live_load import open_loop_slices
from perflab.systems.connection import reply_end, request_bytes
from perflab.systems.worker_server import LONGEST_STAGE_MS, Stages, stages_of, worker_server

SLICE_S = 0.15
MOST_INSIDE = 450
STAGES = ("arrived_ns", "started_ns", "done_ns")


def watched_load(
    workers: int, schedule_ns: NDArray[np.int64], waits_ms: NDArray[np.float64], seconds: float
) -> Iterator[Frame]:
    """Frames of `seconds` of load on a new server; `schedule_ns` and `waits_ms` have shape (requests,).

    Columns: "came_s" of all that were due so far; of those that succeeded "done_s" and "latency_ns" as the client saw them, and
    the stages "arrived_ns", "started_ns", "done_ns" on the server's clock; "lateness_ns" of all that were sent.
    Facts: "elapsed_s", and how many are "inside".
    """
    waits = np.minimum(waits_ms, LONGEST_STAGE_MS)
    told: dict[int, Stages] = {}

    def on_reply(number: int, reply: bytes) -> None:
        if reply.startswith(b"HTTP/1.1 200 "):
            told[number] = stages_of(reply)

    with (
        worker_server(workers) as server,
        http_target(
            server.port, lambda number: _request(waits[number]), reply_end, MOST_INSIDE, on_reply, False
        ) as target,
    ):
        pause, resume = (partial(server.ask, control) for control in ("pause", "resume"))
        due = 0
        for piece in open_loop_slices(schedule_ns, target, seconds, SLICE_S, pause, resume):
            before, due = due, int(np.searchsorted(schedule_ns, piece.until_ns))
            stages = [told[int(number)] for number in piece.numbers[piece.succeeded]]
            columns: dict[str, NDArray[Any]] = {
                name: np.array([getattr(stage, name) for stage in stages], np.int64) for name in STAGES
            }
            columns |= {"latency_ns": piece.response_ns[piece.succeeded], "lateness_ns": piece.lateness_ns}
            moments = {"came_s": schedule_ns[before:due] / 1e9, "done_s": piece.done_ns[piece.succeeded] / 1e9}
            counts = {
                "calls": int(piece.succeeded.sum()),
                "failures": int((~piece.succeeded).sum()),
                "dropped": piece.dropped,
            }
            yield Frame(columns | moments, counts, {"elapsed_s": piece.until_ns / 1e9, "inside": piece.inside})


def _request(wait_ms: float) -> bytes:
    return request_bytes(f"/work?wait={wait_ms:.3f}")
