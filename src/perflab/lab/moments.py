"""Where each request of a run was at a moment: by its recorded moments, and by nothing else."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

BEFORE, SENT, IN_LINE, AT_WORK, ANSWERED, GONE = range(6)
"""Where a request is: not yet due; due, and not in line as far as the record knows; in line; at work; done, and its reply on the
way; gone, whatever became of it.
"""
OPEN, SERVED, REJECTED, FAILED, NEEDLESS, ASIDE = range(6)
"""What became of a request by the end of the run. Beside them `NEEDLESS`, an attempt that was worked on after its client had
given up, and `ASIDE`, work that no client waits for.
"""
Steps = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Moments (s), the first and the last of a part of the run and those between at which a number changes, and it from each on."""
WINDOW_S, WHOLE_S, STEP_S = 2.0, 3.2, 0.2


@dataclass(frozen=True, eq=False)
class Moments:
    """The moments of requests, in seconds of the run, each of shape (requests,); NaN where the record does not know one.

    `due_s` is when a request was to be sent, `queued_s` when it was in line, `started_s` and `done_s` when its worker began and
    ended, `gone_s` when the client had the reply or gave up. `became` tells what became of it, `server` whose line it was in.
    There are so many `workers` at each of so many `servers`; the run came as far as `until_s`.
    """

    due_s: NDArray[np.float64]
    queued_s: NDArray[np.float64]
    started_s: NDArray[np.float64]
    done_s: NDArray[np.float64]
    gone_s: NDArray[np.float64]
    became: NDArray[np.int64]
    server: NDArray[np.int64]
    until_s: float
    workers: int = 1
    servers: int = 1

    def states_at(self, at_s: float) -> NDArray[np.int64]:
        """Where each request is at this moment; what happens in the moment itself has happened."""
        states = np.where(self.due_s <= at_s, SENT, BEFORE)
        for state, since_s in (
            (IN_LINE, self.queued_s),
            (AT_WORK, self.started_s),
            (ANSWERED, self.done_s),
            (GONE, self.gone_s),
        ):
            states[(since_s <= at_s) & (self.due_s <= at_s)] = state
        return states

    @cached_property
    def is_request(self) -> NDArray[np.bool_]:
        """Which are requests, and not attempts or work beside them."""
        return ~np.isin(self.became, (NEEDLESS, ASIDE))

    @cached_property
    def response_s(self) -> NDArray[np.float64]:
        """From when each was due until it was gone; NaN for those that were not served."""
        return np.where(self.became == SERVED, self.gone_s - self.due_s, np.nan)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """At which worker's place each was, from 0 on; -1 where it was at none, as a hit that took no time.

        The record does not say which worker it was: each takes the first place that was free when it began.
        """
        places, done_s = np.full(self.due_s.size, -1), np.where(np.isnan(self.done_s), np.inf, self.done_s)
        for server in range(self.servers):
            free, opened = [*range(self.workers)], self.workers
            busy: list[tuple[float, int]] = []
            of_server = np.flatnonzero((self.server == server) & (self.started_s < done_s))
            for one in of_server[np.argsort(self.started_s[of_server], kind="stable")].tolist():
                while busy and busy[0][0] <= self.started_s[one]:
                    heapq.heappush(free, heapq.heappop(busy)[1])
                if not free:  # readings of a clock may overlap by a little
                    free, opened = [opened], opened + 1
                places[one] = heapq.heappop(free)
                heapq.heappush(busy, (done_s[one], int(places[one])))
        return places

    def percentile_request(self, share: float, first_s: float, last_s: float) -> int | None:
        """The request whose response time is this percentile (nearest rank) of those served and due in this part of the run."""
        those = np.flatnonzero((self.became == SERVED) & (self.due_s >= first_s) & (self.due_s <= last_s))
        if not those.size:
            return None
        rank = max(1, int(np.ceil(share * those.size)))
        return int(those[np.argsort(self.response_s[those], kind="stable")[rank - 1]])

    def inside(self, first_s: float, last_s: float) -> Steps:
        """The number of requests that were due and not gone."""
        return _steps(self.due_s[self.is_request], self.gone_s[self.is_request], first_s, last_s)

    def in_line(self, first_s: float, last_s: float) -> Steps:
        """The number of those in line, attempts included. What was worked on at once was never there; some go without work."""
        known = np.isfinite(self.queued_s) & (self.started_s != self.queued_s)
        return _steps(self.queued_s[known], np.fmin(self.started_s, self.gone_s)[known], first_s, last_s)

    def on_the_way(self, first_s: float, last_s: float) -> Steps:
        """The number of those that were due, neither in line as far as the record knows, nor gone."""
        return _steps(self.due_s, np.fmin(self.queued_s, self.gone_s), first_s, last_s)

    def area_by_time(self, first_s: float, last_s: float) -> float:
        """The area under the number of requests inside, cut by time: its steps, each as wide as it lasted (request-seconds)."""
        moments, number = self.inside(first_s, last_s)
        return float(number[:-1] @ np.diff(moments))

    def area_by_request(self, first_s: float, last_s: float) -> float:
        """The same area, cut by request: how long each was inside in this part of the run, summed."""
        gone_s = np.where(np.isnan(self.gone_s), np.inf, self.gone_s)
        stayed = np.minimum(gone_s, last_s) - np.maximum(self.due_s, first_s)
        return float(np.maximum(stayed, 0)[self.is_request].sum())

    def window(self) -> tuple[float, float]:
        """From when to when (s) to look: the whole of a short run, or the part of a long one with the most requests inside."""
        if self.until_s <= WHOLE_S:
            return 0.0, self.until_s
        firsts = np.arange(0, self.until_s - WINDOW_S + 1e-9, STEP_S)
        areas = [self.area_by_request(first, first + WINDOW_S) for first in firsts.tolist()]
        first_s = float(firsts[int(np.argmax(areas))])
        return first_s, first_s + WINDOW_S


def _steps(came_s: NDArray[np.float64], went_s: NDArray[np.float64], first_s: float, last_s: float) -> Steps:
    """One that came and has no moment of going stays."""
    went_s = went_s[np.isfinite(went_s)]
    moments, steps = np.concatenate([came_s, went_s]), np.repeat([1, -1], [came_s.size, went_s.size])
    order = np.argsort(moments, kind="stable")
    moments, number = moments[order], steps[order].cumsum()
    within = (moments > first_s) & (moments < last_s)
    before = np.searchsorted(moments, first_s, side="right")
    at_first = int(number[before - 1]) if before else 0
    at_last = int(number[within][-1]) if within.any() else at_first
    return np.r_[first_s, moments[within], last_s], np.r_[at_first, number[within], at_last]
