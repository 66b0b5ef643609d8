"""Clients and servers on a virtual clock: the decisions of a real run, where nothing takes time but the services."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame
from perflab.measure.load import NEVER_NS
from perflab.systems.clients.attempt_frames import AttemptFrames
from perflab.systems.clients.attempts import Attempts
from perflab.systems.servers.waiting_line import Line, LineRules, Waiting

Stall = tuple[float, float]
"""From when to when (s) no service begins."""


def play(
    attempts: Attempts,
    schedule_ns: NDArray[np.int64],
    services_us: NDArray[np.int64],
    rules: LineRules,
    seconds: float,
    deadline_us: int = 0,
    servers: int = 1,
    again_us: NDArray[np.int64] | None = None,
    stall: Stall = (0.0, 0.0),
) -> Frame:
    """A run of so many `seconds`, as `attempts_load` has it."""
    frames = AttemptFrames(attempts, schedule_ns)
    works = services_us.tolist(), (services_us if again_us is None else again_us).tolist()
    play = _Play(attempts, frames, works, 1e3 * deadline_us, stall, [Line(rules) for _ in range(servers)])
    end_ns = round(1e9 * seconds)
    while (now_ns := play.next_ns) < end_ns:
        play.advance(now_ns)
    return frames.next(end_ns)


class _Play:
    """Moments in order: ends of services before what the client does then."""

    def __init__(
        self,
        attempts: Attempts,
        frames: AttemptFrames,
        works: tuple[list[int], list[int]],
        deadline_ns: float,
        stall: Stall,
        lines: Sequence[Line],
    ) -> None:
        self._attempts, self._frames, self._works, self._lines = attempts, frames, works, lines
        self._deadline_ns = deadline_ns or np.inf
        self._stall_ns = tuple(round(1e9 * each) for each in stall)
        self._busy: dict[int, int] = {}  # the attempts that are served, and since when
        self._at_work = [0] * len(lines)
        self._ends: list[tuple[int, int]] = []
        self._asked: dict[int, Waiting] = {}

    @property
    def next_ns(self) -> int:
        return min(self._attempts.next_ns, self._ends[0][0] if self._ends else NEVER_NS)

    def advance(self, now_ns: int) -> None:
        if self._ends and self._ends[0][0] <= now_ns:
            _, attempt = heapq.heappop(self._ends)
            if attempt in self._busy:  # not given up meanwhile
                moments = (self._asked[attempt].arrived_ns, self._busy[attempt], now_ns)
                self._frames.note(attempt, self._attempts.on_reply(attempt, True, now_ns), moments)
                self._free(attempt, now_ns)
        else:
            self._attempts.advance(now_ns)
        while self._attempts.outbox:
            (what, attempt), *self._attempts.outbox[:] = self._attempts.outbox
            (self._ask if what == "send" else self._give_up)(attempt, now_ns)

    def _ask(self, attempt: int, now_ns: int) -> None:
        tried = self._attempts.all[attempt]
        line, work_us = self._lines[tried.server], self._works[tried.kind != "first"][tried.number]
        one = self._asked[attempt] = Waiting(now_ns, 1_000 * work_us, self._deadline_ns, attempt)
        if self._at_work[tried.server] < line.rules.workers:
            self._start(one, now_ns)
        elif not line.enter(one):
            self._attempts.on_reply(attempt, False, now_ns)

    def _give_up(self, attempt: int, now_ns: int) -> None:
        if attempt in self._busy:
            self._free(attempt, now_ns)
        else:
            self._lines[self._attempts.all[attempt].server].leave(self._asked[attempt])

    def _start(self, one: Waiting, now_ns: int) -> bool:
        server = self._attempts.all[one.token].server
        if self._lines[server].is_dropped(one, now_ns):
            self._attempts.on_reply(one.token, False, now_ns)
            return False
        since_ns, until_ns = self._stall_ns
        begins_ns = until_ns if since_ns <= now_ns < until_ns else now_ns
        heapq.heappush(self._ends, (begins_ns + one.service_ns, one.token))
        self._busy[one.token] = now_ns
        self._at_work[server] += 1
        return True

    def _free(self, attempt: int, now_ns: int) -> None:
        server = self._attempts.all[attempt].server
        del self._busy[attempt]
        self._at_work[server] -= 1
        while (one := self._lines[server].next()) is not None and not self._start(one, now_ns):
            pass
