"""Load on a server that can stand still: requests are sent on schedule, and each slice says what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.measure.http_reply import Reply
from perflab.measure.http_target import HttpTarget, RequestOf
from perflab.measure.live_load import open_loop_slices
from perflab.measure.load import Target
from perflab.systems.http.connection import Connection, request_bytes
from perflab.systems.process.pausable import PausableServer

SLICE_S = 0.15
MAX_IN_FLIGHT = 450
REJECTED = 503

Note = Callable[[Reply], Mapping[str, Any]]
"""What to keep of a reply: names of columns, and this request's values."""
Settled = Mapping[str, Sequence[int]]
"""What a server says when it stands still: columns that it noted of itself since the last time."""


def load_on(
    server: PausableServer,
    request: bytes | RequestOf,
    schedule_ns: NDArray[np.int64],
    seconds: float,
    note: Note = lambda reply: {},
    in_flight: int = MAX_IN_FLIGHT,
) -> Iterator[Frame]:
    """Frames of `seconds` of load, as `load_slices` has them; `request` is always the same, or a function of its number.
    At most so many are `in_flight`.

    Between two slices the server stands still, and the generator with it: the queue goes on where it was.
    """
    notes = Notes(note)
    with HttpTarget(server.port, request, in_flight, notes.on_reply, spin=False) as target:
        wait_until_open(server.port)
        yield from load_slices(target, notes, schedule_ns, seconds, lambda: paused(server), server.resume)


def wait_until_open(port: int) -> None:
    """Return when the server has accepted all connections made so far: it accepts in order, and answers on a new one."""
    with closing(Connection(port)) as connection:
        connection.ask(request_bytes("/"))


def paused(server: PausableServer) -> Settled:
    """Pause a server: what it says then, and what its clock showed ("paused_ns") when the client's was stopped, a moment ago."""
    now_ns = server.now_ns
    return {**server.pause(), "paused_ns": [now_ns]}


class Notes:
    """What is kept of replies until the end of a slice, and which requests were rejected."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self.kept: dict[int, Mapping[str, Any]] = {}
        self.rejected: set[int] = set()

    def on_reply(self, number: int, reply: Reply) -> None:
        """To be called with each reply."""
        if reply.is_ok:
            self.kept[number] = self._note(reply)
        elif reply.status == REJECTED:
            self.rejected.add(number)

    def columns(self, numbers: Sequence[int]) -> dict[str, NDArray[Any]]:
        """The values of these requests, which succeeded, in columns; they are not kept any longer."""
        kept = [self.kept.pop(number) for number in numbers]
        return {name: np.array([values[name] for values in kept]) for name in (kept[0] if kept else ())}


def load_slices(
    target: Target,
    notes: Notes,
    schedule_ns: NDArray[np.int64],
    seconds: float,
    pause: Callable[[], Settled],
    resume: Callable[[], object],
) -> Iterator[Frame]:
    """Frames of `seconds` of load on a target whose replies are noted.

    Columns: "arrived_s" of all that were due so far; of those that succeeded "number", "completed_s" and "latency_ns" as
    the client saw them, and what was noted; "rejected_number" and "rejected_s", "failed_number" and "failed_s" of the others that
    ended; "lateness_ns" of all that were sent, in turn, and "not_sent_number" of the others; what `pause` returned, and, for each
    clock that it has read ("paused_ns"), when that was by the client's ("paused_s").
    Counts: "calls" that succeeded, "rejected" by the server, other "failures", "not_sent" for want of a connection.
    Facts: "elapsed_s", and how many are "in_flight".
    """
    due = 0
    for piece in open_loop_slices(schedule_ns, target, seconds, SLICE_S, pause, resume):
        before, due = due, int(np.searchsorted(schedule_ns, piece.until_ns))
        served = piece.numbers[piece.succeeded]
        rejected = ~piece.succeeded & np.isin(piece.numbers, list(notes.rejected))
        failed, clocks = ~piece.succeeded & ~rejected, len(piece.settled.get("paused_ns", ()))
        columns = notes.columns(served.tolist())
        columns |= {name: np.array(values, np.int64) for name, values in piece.settled.items()}
        columns |= {"number": served, "latency_ns": piece.response_ns[piece.succeeded]}
        columns |= {"arrived_s": schedule_ns[before:due] / 1e9, "completed_s": piece.done_ns[piece.succeeded] / 1e9}
        for name, those in (("rejected", rejected), ("failed", failed)):
            columns |= {f"{name}_number": piece.numbers[those], f"{name}_s": piece.done_ns[those] / 1e9}
        columns |= {"lateness_ns": piece.lateness_ns, "not_sent_number": piece.not_sent}
        columns |= {"paused_s": np.full(clocks, piece.until_ns / 1e9)}
        counts = {
            "calls": served.size,
            "rejected": int(rejected.sum()),
            "failures": int(failed.sum()),
            "not_sent": piece.not_sent.size,
        }
        yield Frame(columns, counts, {"elapsed_s": piece.until_ns / 1e9, "in_flight": piece.in_flight})
