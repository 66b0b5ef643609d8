"""Load on a server: open loop, which keeps to its schedule, and closed loop, which waits for answers.

In an open loop latency counts from the moment at which a request was *meant* to be sent, so that a stalled server cannot
hide the requests that it kept from being sent (Gil Tene, "How NOT to measure latency").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from perflab.measure.clock import Clock, SystemClock
from perflab.measure.percentiles import percentile

TIMEOUT_S = 2.0
TOO_LATE_NS = 1_000_000
NOT_SENT = -1


class Target(Protocol):
    """What is under load. Requests are numbered; a number is answered once."""

    def send(self, number: int) -> bool:
        """Begin a request; false when all connections are busy."""
        ...

    def poll(self, patience_s: float) -> Sequence[tuple[int, bool]]:
        """Requests that have ended, each with its success; waits at most `patience_s` for the first."""
        ...


@dataclass(frozen=True)
class LoadResult:
    """One load, all arrays of shape (n,) in the order of the schedule, in ns.

    `response_ns` from the intended, `service_ns` from the actual sending of each request that succeeded or timed out; a
    timed-out one counts as the timeout, which is the least it took. `numbers` are the places of these in the schedule.
    `lateness_ns` of every request that was sent.
    `failures`, `timeouts` and `dropped` (no connection was free) are counts. `closed` says which loop it was.
    """

    numbers: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    service_ns: NDArray[np.int64]
    lateness_ns: NDArray[np.int64]
    seconds: float
    failures: int
    timeouts: int
    dropped: int
    closed: bool

    @property
    def throughput(self) -> float:
        """Completions per second, up to the last completion."""
        return (self.response_ns.size - self.timeouts) / self.seconds if self.seconds > 0 else 0.0

    @property
    def too_slow(self) -> bool:
        """Whether the generator itself was late by more than a millisecond at p99: its latencies are then not to be shown."""
        return bool(self.lateness_ns.size) and percentile(self.lateness_ns, 0.99) > TOO_LATE_NS


def open_loop(
    schedule_ns: NDArray[np.int64], target: Target, *, timeout_s: float = TIMEOUT_S, clock: Clock | None = None
) -> LoadResult:
    """Send each request at its time, whatever became of the others; then wait for the last answers."""
    book = _Book(schedule_ns, clock or SystemClock())
    position = 0
    while position < schedule_ns.size:
        wait_ns = int(schedule_ns[position]) - book.now()
        if wait_ns <= 0:
            book.send(position, target)
            position += 1
            # Answers are looked at now and then even when sending is behind, so that connections become free.
            if book.in_flight:
                book.take(target.poll(0.0))
        else:
            book.take(target.poll(wait_ns / 1e9))
    book.wait_for_rest(target, timeout_s)
    return book.result(timeout_s, closed=False)


def closed_loop(
    schedule_ns: NDArray[np.int64], target: Target, *, timeout_s: float = TIMEOUT_S, clock: Clock | None = None
) -> LoadResult:
    """One client that sends at the times of the schedule, unless it still waits for an answer: those it leaves out."""
    book = _Book(schedule_ns, clock or SystemClock())
    position = 0
    while position < schedule_ns.size:
        wait_ns = int(schedule_ns[position]) - book.now()
        if wait_ns > 0:
            target.poll(wait_ns / 1e9)
            continue
        book.send(position, target)
        book.wait_for_rest(target, timeout_s)
        # After a long answer the newest request that is due goes out at once; those before it are never sent.
        position = max(position + 1, int(np.searchsorted(schedule_ns, book.now(), side="right")) - 1)
    return book.result(timeout_s, closed=True)


class _Book:
    """Who was sent when, and when the answer came."""

    def __init__(self, schedule_ns: NDArray[np.int64], clock: Clock) -> None:
        self._now_ns = clock.now_ns
        self._start_ns = clock.now_ns()
        self._intended = schedule_ns
        self._sent = np.full(schedule_ns.size, NOT_SENT, np.int64)
        self._done = np.full(schedule_ns.size, NOT_SENT, np.int64)
        self._failed = np.zeros(schedule_ns.size, bool)
        self._dropped = 0
        self.in_flight = 0

    def now(self) -> int:
        return self._now_ns() - self._start_ns

    def send(self, number: int, target: Target) -> None:
        sent = self.now()
        if target.send(number):
            self._sent[number] = sent
            self.in_flight += 1
        else:
            self._dropped += 1

    def take(self, ended: Sequence[tuple[int, bool]]) -> None:
        for number, succeeded in ended:
            self._done[number] = self.now()
            self._failed[number] = not succeeded
            self.in_flight -= 1

    def wait_for_rest(self, target: Target, timeout_s: float) -> None:
        deadline = self.now() + int(timeout_s * 1e9)
        while self.in_flight and (left_ns := deadline - self.now()) > 0:
            self.take(target.poll(left_ns / 1e9))

    def result(self, timeout_s: float, closed: bool) -> LoadResult:
        sent = self._sent != NOT_SENT
        hung = sent & (self._done == NOT_SENT)
        kept = sent & ~self._failed
        limit = int(timeout_s * 1e9)
        response, service = self._done - self._intended, self._done - self._sent
        response[hung], service[hung] = limit, limit
        last = int(self._done.max()) if sent.any() else 0
        return LoadResult(
            numbers=np.flatnonzero(kept),
            response_ns=(service if closed else response)[kept],
            service_ns=service[kept],
            lateness_ns=np.empty(0, np.int64) if closed else (self._sent - self._intended)[sent],
            seconds=max(0, last) / 1e9,
            failures=int(self._failed.sum()),
            timeouts=int(hung.sum()),
            dropped=self._dropped,
            closed=closed,
        )
