"""An open loop watched while it runs: between two slices the schedule, the clock and the server stand still.

A lab draws between slices. A queue that went on meanwhile would be shorter afterwards, and requests would seem late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import Clock, SystemClock
from perflab.measure.load import Target


@dataclass(frozen=True)
class LoadSlice:
    """What happened in one slice; times in ns from the start of the load, pauses left out.

    `numbers`, `done_ns`, `response_ns` (from the intended sending) and `succeeded` have shape (ended,), in the order of ending;
    `lateness_ns` has shape (sent,). `dropped` found no free connection; `inside` are under way at `until_ns`.
    """

    until_ns: int
    numbers: NDArray[np.int64]
    done_ns: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    succeeded: NDArray[np.bool_]
    lateness_ns: NDArray[np.int64]
    dropped: int
    inside: int


def open_loop_slices(
    schedule_ns: NDArray[np.int64],
    target: Target,
    seconds: float,
    slice_s: float,
    hold: Callable[[], object],
    go_on: Callable[[], object],
    clock: Clock | None = None,
) -> Iterator[LoadSlice]:
    """Send each request at its time for so many `seconds`, in slices. `hold` and `go_on` stop the server and let it run."""
    now_ns = (clock or SystemClock()).now_ns
    start_ns, end_ns = now_ns(), int(seconds * 1e9)
    position = inside = 0
    for until_ns in [*range(int(slice_s * 1e9), end_ns, int(slice_s * 1e9)), end_ns]:
        ended: list[tuple[int, int, bool]] = []
        lateness: list[int] = []
        dropped = 0
        while (now := now_ns() - start_ns) < until_ns:
            due = int(schedule_ns[position]) if position < schedule_ns.size else end_ns
            if due <= now:
                sent = target.send(position)
                lateness += [now - due] if sent else []
                dropped, inside, position = dropped + (not sent), inside + sent, position + 1
                due = now
            for number, succeeded in target.poll(max(0, min(due, until_ns) - now) / 1e9):
                ended.append((number, now_ns() - start_ns, succeeded))
                inside -= 1
        held_ns = now_ns()  # before the server is told: what it does meanwhile makes nobody late
        hold()
        try:
            yield _slice(schedule_ns, held_ns - start_ns, ended, lateness, dropped, inside)
        finally:
            go_on()
        start_ns += now_ns() - held_ns


def _slice(
    schedule_ns: NDArray[np.int64],
    until_ns: int,
    ended: list[tuple[int, int, bool]],
    lateness: list[int],
    dropped: int,
    inside: int,
) -> LoadSlice:
    numbers, done, succeeded = (np.array([row[place] for row in ended], np.int64) for place in range(3))
    intended = schedule_ns[numbers]
    return LoadSlice(
        until_ns, numbers, done, done - intended, succeeded.astype(bool), np.array(lateness, np.int64), dropped, inside
    )
