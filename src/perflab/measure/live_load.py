"""An open loop in slices, between which a lab draws: meanwhile the schedule, the clock and the server are paused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import SYSTEM_CLOCK, Clock
from perflab.measure.load import NOT_SENT, Book, Target


@dataclass(frozen=True)
class LoadSlice:
    """What happened in one slice; times in ns from the start of the load, pauses left out.

    `numbers`, `done_ns`, `response_ns` (from the intended sending) and `succeeded` have shape (ended,), in the order of ending;
    `lateness_ns` has shape (sent,). The requests `not_sent`, by number, found no free connection; `in_flight` are under way at
    `until_ns`; `settled` is what `hold` returned.
    """

    until_ns: int
    numbers: NDArray[np.int64]
    done_ns: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    succeeded: NDArray[np.bool_]
    lateness_ns: NDArray[np.int64]
    not_sent: NDArray[np.int64]
    in_flight: int
    settled: Any


def open_loop_slices(
    schedule_ns: NDArray[np.int64],
    target: Target,
    seconds: float,
    slice_s: float,
    hold: Callable[[], Any],
    go_on: Callable[[], object],
    clock: Clock = SYSTEM_CLOCK,
) -> Iterator[LoadSlice]:
    """Send each request at its time for so many `seconds`, in slices. `hold` and `go_on` pause and resume the server."""
    book = Book(schedule_ns, clock)
    end_ns = int(seconds * 1e9)
    for until_ns in [*range(int(slice_s * 1e9), end_ns, int(slice_s * 1e9)), end_ns]:
        position, ended = book.position, len(book.ended)
        book.send_until(target, until_ns)
        held_ns = book.now()  # before the server is told: what it does meanwhile makes no request late
        settled = hold()
        numbers = np.array(book.ended[ended:], np.int64)
        tried = slice(position, book.position)
        was_sent = book.sent[tried] != NOT_SENT
        try:
            yield LoadSlice(
                until_ns=held_ns,
                numbers=numbers,
                done_ns=book.done[numbers],
                response_ns=book.done[numbers] - schedule_ns[numbers],
                succeeded=~book.failed[numbers],
                lateness_ns=(book.sent[tried] - schedule_ns[tried])[was_sent],
                not_sent=position + np.flatnonzero(~was_sent),
                in_flight=book.in_flight,
                settled=settled,
            )
        finally:
            go_on()
        book.stood_still_since(held_ns)
