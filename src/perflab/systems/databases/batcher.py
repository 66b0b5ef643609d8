"""Requests gathered into batches, each written by one commit: when it is full, or when its oldest has waited long enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import SYSTEM_CLOCK, Clock
from perflab.measure.frame import Frame
from perflab.systems.databases.flushing import WhenToFlush, when_to_flush

Write = Callable[[Sequence[int]], Sequence[int]]
POLL_S = 0.001


@dataclass(frozen=True)
class Batch:
    """Requests `first` up to `end` of the schedule, written from `began_ns` to `ended_ns`, without those `refused`.

    An empty one tells only how far the run has come.
    """

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
    timer: bool = True,
    tick_s: float = math.inf,
) -> Iterator[Batch]:
    """Write all requests of the schedule, in order and each at most once; yields after each write, and an empty batch where
    nothing was written for `tick_s`.

    `write` gets the numbers of a batch and returns those that it refused. While the caller holds a yielded batch, the schedule
    stands still. A `when` that never asks to write would gather all: a batch is written in any case when the schedule has ended.
    Without a `timer` it is asked only when a request arrives and after each batch, and what is left at the end is not written.
    """
    start_ns, first, asked, yielded = clock.now_ns(), 0, 0, 0
    while first < schedule_ns.size:
        now = clock.now_ns() - start_ns
        came = int(np.searchsorted(schedule_ns, now, side="right"))
        pending, is_last = came - first, came == schedule_ns.size
        oldest_wait_s = (now - int(schedule_ns[first])) / 1e9
        is_asked, asked = timer or came > asked, came
        if pending and is_asked and (when(pending, oldest_wait_s, size, max_wait_s) or (timer and is_last)):
            end = min(came, first + size)
            refused = write(range(first, end))
            ended = clock.now_ns()
            yielded, asked = ended - start_ns, first
            yield Batch(first, end, now, yielded, refused)
            start_ns += clock.now_ns() - ended
            first = end
        elif now - yielded >= tick_s * 1e9 or (is_last and not timer):
            yielded = now
            yield Batch(first, first, now, now)
            if is_last and not timer:
                return
            start_ns += clock.now_ns() - start_ns - now
        else:
            due = int(schedule_ns[came]) if not is_last else now
            if pending and timer and when is when_to_flush:
                due = min(due, int(schedule_ns[first] + max_wait_s * 1e9))
            # A policy of a learner's may want to write at any moment, so it is asked at least every millisecond.
            wait_s = max(0.0, min((due - now) / 1e9, tick_s - (now - yielded) / 1e9))
            clock.wait(min(wait_s, POLL_S) if pending and timer and when is not when_to_flush else wait_s)


def frame_of(done: Sequence[Batch], schedule_ns: NDArray[np.int64]) -> Frame:
    """One entry a stored request: waiting, writing and both (`latency_ns`); one a batch without refusals: rows, `batch_ns`.

    For a replay, the arrival of every request (`arrived_ns`), and of every batch its `members`, `began_ns` and `took_ns`.
    `backlog` is how many requests wait at the end of the last of `done`, of which some may be empty.
    """
    written = [batch for batch in done if batch.end > batch.first]
    rows = np.array([batch.end - batch.first for batch in written], int)
    began = np.array([batch.began_ns for batch in written], np.int64)
    took = np.array([batch.ended_ns for batch in written], np.int64) - began
    whole = np.array([not batch.refused for batch in written], bool)
    arrived = schedule_ns[done[0].first : done[-1].end]
    # How long a refusal took is not how long it takes to store a request.
    numbers = [number for batch in written for number in batch.refused]
    refused = np.isin(np.arange(done[0].first, done[-1].end), numbers)
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
