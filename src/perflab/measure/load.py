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

from perflab.measure.clock import SYSTEM_CLOCK, Clock

TIMEOUT_S = 2.0
NOT_SENT = -1
NEVER_NS = 2**62


class Target(Protocol):
    """What is under load. Requests are numbered; a number is answered once.

    A target may know when the system got its last request (`sent_ns`) and had the replies that `poll` returns (`seen_ns`), by the
    clock of the machine. Otherwise these are the moments in which `send` is called, and `poll` returns.
    """

    def send(self, number: int) -> bool:
        """Begin a request; false when all connections are busy."""
        ...

    def poll(self, timeout_s: float) -> Sequence[tuple[int, bool]]:
        """Requests that have ended, each with its success; waits at most `timeout_s` for the first."""
        ...


@dataclass(frozen=True)
class LoadResult:
    """One load, all arrays of shape (n,) in the order of the schedule, in ns.

    `response_ns` from the intended, `service_ns` from the actual sending of each request that succeeded or timed out; `numbers`
    are their places in the schedule. A request has timed out when it has no answer within the timeout, whenever it was sent; one
    that was never answered counts as what it waited, and as no less than any that was. `lateness_ns` of every request that was
    sent. `failures`, `timeouts` and `not_sent` (no connection was free) are counts. `closed` says which loop it was.
    """

    numbers: NDArray[np.int64]
    response_ns: NDArray[np.int64]
    service_ns: NDArray[np.int64]
    lateness_ns: NDArray[np.int64]
    seconds: float
    failures: int
    timeouts: int
    not_sent: int
    closed: bool

    @property
    def throughput(self) -> float:
        """Completions within the timeout per second, up to the last completion."""
        return (self.response_ns.size - self.timeouts) / self.seconds if self.seconds > 0 else 0.0


def open_loop(
    schedule_ns: NDArray[np.int64], target: Target, *, timeout_s: float = TIMEOUT_S, clock: Clock = SYSTEM_CLOCK
) -> LoadResult:
    """Send each request at its time, whatever became of the others; then wait for the last answers."""
    book = Book(schedule_ns, clock)
    book.send_until(target)
    book.wait_for_rest(target, timeout_s)
    return book.result(timeout_s, closed=False)


def closed_loop(
    schedule_ns: NDArray[np.int64], target: Target, *, timeout_s: float = TIMEOUT_S, clock: Clock = SYSTEM_CLOCK
) -> LoadResult:
    """One client that sends at the times of the schedule, except while it waits for an answer."""
    book = Book(schedule_ns, clock)
    while book.position < schedule_ns.size:
        wait_ns = int(schedule_ns[book.position]) - book.now()
        if wait_ns > 0:
            target.poll(wait_ns / 1e9)
            continue
        book.send(target)
        book.wait_for_rest(target, timeout_s)
        # After a long answer the newest request that is due goes out at once; those before it are never sent.
        book.position = max(book.position, int(np.searchsorted(schedule_ns, book.now(), side="right")) - 1)
    return book.result(timeout_s, closed=True)


class Book:
    """The generator: which request was sent when (ns from the start), and when its reply came.

    `position` is the request to be sent next; `ended` are those that have ended, in this order, `failed` which of all did not
    succeed; `not_sent` found no free connection, `in_flight` are not answered yet.
    """

    def __init__(self, schedule_ns: NDArray[np.int64], clock: Clock) -> None:
        self._now_ns = clock.now_ns
        self._start_ns = clock.now_ns()
        self.intended = schedule_ns
        self.sent = np.full(schedule_ns.size, NOT_SENT, np.int64)
        self.done = np.full(schedule_ns.size, NOT_SENT, np.int64)
        self.failed = np.zeros(schedule_ns.size, bool)
        self.ended: list[int] = []
        self.position = self.not_sent = self.in_flight = 0

    def now(self) -> int:
        """Time since the start, pauses left out."""
        return self._now_ns() - self._start_ns

    def stood_still_since(self, then_ns: int) -> None:
        """The time since then was a pause."""
        self._start_ns += self.now() - then_ns

    def send_until(self, target: Target, until_ns: int = NEVER_NS) -> None:
        """Send each request at its time, and take replies meanwhile, until then; or until all are sent."""
        # As a list: an element of an array takes five times as long to read.
        times, poll = [*self.intended.tolist(), NEVER_NS], target.poll
        while (now := self.now()) < until_ns and (self.position < len(times) - 1 or until_ns < NEVER_NS):
            due = times[self.position]
            if due <= now:
                self.send(target)
            # Replies are looked at even when sending is behind, so that connections become free.
            if ended := poll(max(0, min(due, until_ns) - now) / 1e9):
                self._take(ended, target)

    def send(self, target: Target) -> None:
        """Send the next request now."""
        now, number = self.now(), self.position
        if target.send(number):
            sent_ns = getattr(target, "sent_ns", 0)
            self.sent[number] = sent_ns - self._start_ns if sent_ns else now
            self.in_flight += 1
        else:
            self.not_sent += 1
        self.position += 1

    def _take(self, ended: Sequence[tuple[int, bool]], target: Target) -> None:
        seen_ns = getattr(target, "seen_ns", 0) or self._now_ns()
        for number, succeeded in ended:
            self.done[number] = seen_ns - self._start_ns
            self.failed[number] = not succeeded
            self.ended.append(number)
            self.in_flight -= 1

    def wait_for_rest(self, target: Target, timeout_s: float) -> None:
        """Wait so long for the replies to what was sent."""
        deadline = self.now() + int(timeout_s * 1e9)
        while self.in_flight and (left_ns := deadline - self.now()) > 0:
            self._take(target.poll(left_ns / 1e9), target)

    def result(self, timeout_s: float, closed: bool) -> LoadResult:
        """All of the load, once it is over."""
        sent = self.sent != NOT_SENT
        kept = sent & ~self.failed
        hung = sent & (self.done == NOT_SENT)
        until = np.where(hung, self.now(), self.done)
        response, service = until - self.intended, until - self.sent
        late = kept & (hung | (service > int(timeout_s * 1e9)))
        for times in (response, service):
            answered = times[kept & ~hung]
            times[hung] = np.maximum(times[hung], answered.max() if answered.size else 0)
        last = int(self.done.max()) if sent.any() else 0
        return LoadResult(
            numbers=np.flatnonzero(kept),
            response_ns=(service if closed else response)[kept],
            service_ns=service[kept],
            lateness_ns=np.empty(0, np.int64) if closed else (self.sent - self.intended)[sent],
            seconds=max(0, last) / 1e9,
            failures=int(self.failed.sum()),
            timeouts=int(late.sum()),
            not_sent=self.not_sent,
            closed=closed,
        )
