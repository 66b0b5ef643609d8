"""Calls to servers with queues, and second copies of late ones: when each is answered in a run, call by call.

Call i goes to server i, in turns, and its copy to the next one; each server has so many workers and serves first come, first
served. Where nothing is cancelled, the end of a call is known when it is sent, which saves most events. Whole numbers.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

SERVERS = 2


@dataclass(frozen=True)
class Hedges:
    """A copy is sent `after` so long without an answer, and the loser is cancelled where the client `cancels`. With a `share`,
    only while there is a token: a bucket of at most `most` gets that share for each call, and each copy takes one.
    """

    after: float = math.inf
    cancels: bool = False
    share: float | None = None
    most: float = 10.0


class Answered(NamedTuple):
    """When each call was answered, infinite where it was not; and how many copies were sent."""

    done: list[float]
    copies: int


def answered(
    due: Sequence[int], services: Sequence[Sequence[int]], workers: int, hedges: Hedges, until: float
) -> Answered:
    """Calls in the order in which they are due, before `until`; `services` of the first and of the second copies."""
    if hedges.cancels:
        return _Cancelling(due, services, workers, hedges, until).run()
    first, second = services
    free = [[0.0] * workers for _ in range(SERVERS)]  # heaps: when each worker will be
    done: list[float] = []
    late: deque[tuple[float, int]] = deque()
    tokens, share, copies = hedges.most, hedges.share or 0.0, 0
    for number, now in enumerate([*due, until]):
        while late and late[0][0] < now:
            at, call = late.popleft()
            if hedges.share is not None:
                if tokens < 1:
                    continue
                tokens -= 1
            copies += 1
            end = _end(free[(call + 1) % SERVERS], at, second[call])
            done[call] = min(done[call], end)
        if number == len(due):
            break
        tokens = min(hedges.most, tokens + share)
        end = _end(free[number % SERVERS], now, first[number])
        done.append(end)
        if end > now + hedges.after:
            late.append((now + hedges.after, number))
    return Answered([end if end < until else math.inf for end in done], copies)


def _end(free: list[float], now: float, service: int) -> float:
    """When a worker is done with what it begins as soon as one is free."""
    end = (now if free[0] <= now else free[0]) + service
    heapq.heapreplace(free, end)
    return end


class _Cancelling:
    """The same, moment by moment: the answer of one copy takes the other from its worker, or out of the queue."""

    def __init__(
        self, due: Sequence[int], services: Sequence[Sequence[int]], workers: int, hedges: Hedges, until: float
    ) -> None:
        self._due, self._services, self._after, self._until = due, services, hedges.after, until
        self._done = [math.inf] * len(due)
        self._idle = [workers] * SERVERS
        self._waiting: list[deque[int]] = [deque() for _ in range(SERVERS)]
        self._ends: list[tuple[float, int]] = []
        # Copies are numbered: 2 · call for the first one of a call, one more for the second.
        self._is_served, self._is_over = bytearray(2 * len(due)), bytearray(2 * len(due))

    def run(self) -> Answered:
        due, late, copies, position = [*self._due, self._until], deque[tuple[float, int]](), 0, 0
        ends = self._ends
        while True:
            now = due[position]
            if late and late[0][0] < now:
                now = late[0][0]
            if ends and ends[0][0] <= now:
                now, copy = heapq.heappop(ends)
                if now >= self._until:
                    break
                if not self._is_over[copy]:
                    self._on_answer(copy, now)
            elif now >= self._until:
                break
            elif now == due[position]:
                self._ask(2 * position, now)
                late.append((now + self._after, position))
                position += 1
            else:
                _, call = late.popleft()
                if self._done[call] == math.inf:
                    copies += 1
                    self._ask(2 * call + 1, now)
        return Answered(self._done, copies)

    def _ask(self, copy: int, now: float) -> None:
        server = (copy // 2 + copy % 2) % SERVERS
        if self._idle[server]:
            self._idle[server] -= 1
            self._begin(copy, now)
        else:
            self._waiting[server].append(copy)

    def _begin(self, copy: int, now: float) -> None:
        self._is_served[copy] = 1
        heapq.heappush(self._ends, (now + self._services[copy % 2][copy // 2], copy))

    def _on_answer(self, copy: int, now: float) -> None:
        self._done[copy // 2] = now
        for each in (copy, copy ^ 1):
            self._is_over[each] = 1
            if self._is_served[each]:
                self._is_served[each] = 0
                self._free((each // 2 + each % 2) % SERVERS, now)

    def _free(self, server: int, now: float) -> None:
        waiting = self._waiting[server]
        while waiting:
            copy = waiting.popleft()
            if not self._is_over[copy]:
                self._begin(copy, now)
                return
        self._idle[server] += 1
