"""Reads of a hot key on a virtual clock, by the very rules of the real one; their queries share the CPUs equally."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator

from perflab.systems.caches.hot_key import COMPUTE, HIT, STALE, WAIT, HotKey


class VirtualReads:
    """Reads, threads and reports on a virtual clock; reports share the CPUs equally, hits take no time."""

    def __init__(self, key: HotKey, cpus: float, places: int | None, threads: int) -> None:
        self._key, self._cpus, self._places, self._free = key, cpus, places or math.inf, threads
        self._now_s = self._given_s = 0.0
        self._running: list[tuple[float, int, float, float, int, float]] = []
        self._pending: deque[tuple[int, float, int, float]] = deque()
        self._backlog: deque[tuple[int, float]] = deque()
        self._waiting: list[tuple[int, float]] = []
        self.answered: list[tuple[int, float, float, int]] = []
        """Of each read that has an answer: number, when a thread began it and when it was there (s), and what it did."""
        self.decided: list[float] = []
        """When a read decided to run a query (s)."""
        self.begun: list[tuple[int, float]] = []
        """Of each query that has begun: the number of its read, and when (s)."""
        self.ended: list[tuple[float, float, float, float]] = []
        """Of each query: when it was decided on, began and ended (s), and its CPU time."""

    def run(self, arrivals_s: list[float], queries_s: Iterator[float], until_s: float) -> None:
        """All reads until then; each report takes the next of `queries_s` of a CPU."""
        self._queries_s = queries_s
        for number, arrived_s in enumerate(arrivals_s):
            if not self._running and arrived_s < self._key.hits_until_s:
                self.answered.append((number, arrived_s, arrived_s, HIT))
                continue
            self._advance(arrived_s)
            if self._free:
                self._read(number, arrived_s)
            else:
                self._backlog.append((number, arrived_s))
        self._advance(until_s)

    def _advance(self, to_s: float) -> None:
        running = self._running
        while running:
            speed = min(1.0, self._cpus / len(running))
            end_s = self._now_s + (running[0][0] - self._given_s) / speed
            if end_s > to_s:
                self._given_s += (to_s - self._now_s) * speed
                break
            self._given_s, self._now_s = running[0][0], end_s
            self._end(*heapq.heappop(running)[1:])
        self._now_s = to_s

    def _read(self, number: int, due_s: float) -> None:
        does = self._key.look(self._now_s)
        if does != COMPUTE and does != WAIT:
            self.answered.append((number, self._now_s, self._now_s, does))
        if does in (HIT, STALE):
            return
        self._free -= 1
        if does == WAIT:
            self._waiting.append((number, self._now_s))
            return
        self.decided.append(self._now_s)
        asked = number, self._now_s, does, next(self._queries_s)
        if len(self._running) < self._places:
            self._begin(*asked)
        else:
            self._pending.append(asked)

    def _begin(self, number: int, decided_s: float, does: int, query_s: float) -> None:
        self.begun.append((number, self._now_s))
        heapq.heappush(self._running, (self._given_s + query_s, number, decided_s, self._now_s, does, query_s))

    def _end(self, number: int, decided_s: float, began_s: float, does: int, query_s: float) -> None:
        now_s = self._now_s
        self._key.fill(now_s, now_s - began_s)
        self.ended.append((decided_s, began_s, now_s, query_s))
        if does == COMPUTE:
            self.answered.append((number, decided_s, now_s, does))
        self.answered += [(waiting, since_s, now_s, WAIT) for waiting, since_s in self._waiting]
        self._free += 1 + len(self._waiting)
        self._waiting.clear()
        if self._pending:
            self._begin(*self._pending.popleft())
        while self._backlog and self._free:
            self._read(*self._backlog.popleft())
