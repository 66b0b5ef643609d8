"""Requests gathered into batches, each written by one commit: when it is full, or when its oldest has waited long enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import SYSTEM_CLOCK, Clock
from perflab.measure.frame import Frame

WhenToFlush = Callable[[int, float, int, float], bool]
Write = Callable[[Sequence[int]], Sequence[int]]
POLL_S = 0.001


def when_to_flush(pending: int, oldest_wait_s: float, size: int, max_wait_s: float) -> bool:
    """Full, or the oldest has waited long enough. Asked whenever a request comes, and by a timer."""
    return pending >= size or oldest_wait_s >= max_wait_s


@dataclass(frozen=True)
class Batch:
    """Requests `first` up to `end` of the schedule, written from `began_ns` to `ended_ns`, without those `refused`."""

    first: int
    end: int
    began_ns: int
    ended_ns: int
    refused: Sequence[int] = ()


def batches(
    schedule_ns: NDArray[np.int64],
    write: Write,
    size: int,
    max_wait_s: float,
    when: WhenToFlush = when_to_flush,
    clock: Clock = SYSTEM_CLOCK,
) -> Iterator[Batch]:
    """Write all requests of the schedule, in order and each at most once; yields after each write.

    `write` gets the numbers of a batch and returns those that it refused. While the caller holds a yielded batch, the schedule
    stands still. A `when` that never asks to write would gather all: a batch is written in any case when the schedule has ended.
    """
    start_ns, first = clock.now_ns(), 0
    while first < schedule_ns.size:
        now = clock.now_ns() - start_ns
        came = int(np.searchsorted(schedule_ns, now, side="right"))
        pending = came - first
        oldest_wait_s = (now - int(schedule_ns[first])) / 1e9
        if pending and (when(pending, oldest_wait_s, size, max_wait_s) or came == schedule_ns.size):
            end = min(came, first + size)
            refused = write(range(first, end))
            ended = clock.now_ns()
            yield Batch(first, end, now, ended - start_ns, refused)
            start_ns += clock.now_ns() - ended
            first = end
        else:
            due = int(schedule_ns[came]) if came < schedule_ns.size else now
            if pending and when is when_to_flush:
                due = min(due, int(schedule_ns[first] + max_wait_s * 1e9))
            # A policy of a learner's may want to write at any moment, so it is asked at least every millisecond.
            wait_s = max(0.0, (due - now) / 1e9)
            clock.sleep(min(wait_s, POLL_S) if pending and when is not when_to_flush else wait_s)


def frame_of(done: Sequence[Batch], schedule_ns: NDArray[np.int64]) -> Frame:
    """One entry a stored request: waiting, writing and both (`latency_ns`); one a batch without refusals: rows, `batch_ns`.

    For a replay, the arrival of every request (`arrived_ns`), and of every batch its `members`, `began_ns` and `took_ns`.
    `backlog` is how many requests wait after the last of these batches.
    """
    rows = np.array([batch.end - batch.first for batch in done])
    began = np.array([batch.began_ns for batch in done])
    took = np.array([batch.ended_ns for batch in done]) - began
    whole = np.array([not batch.refused for batch in done])
    arrived = schedule_ns[done[0].first : done[-1].end]
    # How long a refusal took is not how long it takes to store a request.
    refused = np.isin(np.arange(done[0].first, done[-1].end), [number for batch in done for number in batch.refused])
    waiting, writing = (np.repeat(began, rows) - arrived)[~refused], np.repeat(took, rows)[~refused]
    ended_ns = done[-1].ended_ns
    return Frame(
        {
            "latency_ns": waiting + writing,
            "waiting_ns": waiting,
            "writing_ns": writing,
            "rows": rows[whole],
            "batch_ns": took[whole],
            "arrived_ns": arrived,
            "members": rows,
            "began_ns": began,
            "took_ns": took,
        },
        {
            "calls": arrived.size,
            "batches": rows.size,
            "refused": int(refused.sum()),
            "acknowledged": int((~refused).sum()),
        },
        {"backlog": int(np.searchsorted(schedule_ns, ended_ns)) - done[-1].end, "elapsed_s": ended_ns / 1e9},
    )
