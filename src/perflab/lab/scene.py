"""A run at a moment, as a picture: each request a dot, where its recorded moments put it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perflab.lab.moments import (
    ANSWERED,
    ASIDE,
    AT_WORK,
    FAILED,
    GONE,
    IN_LINE,
    NEEDLESS,
    OPEN,
    REJECTED,
    SENT,
    SERVED,
    Moments,
    Steps,
)
from perflab.measure.units import count

Points = tuple[NDArray[np.float64], NDArray[np.float64]]
RIGHT, STRIP = 100.0, 3.0
"""How far the picture reaches to the right, and from 0 up the strip of numbers over time."""
SENT_ENDS, LINE_BEGINS, LINE_ENDS, WORK, REPLY, LEAVES = 16.0, 19.0, 60.0, (63.0, 82.0), 84.0, (86.0, 99.0)
LOW, HIGH, FLOOR = 5.2, 9.9, 4.4
"""The lowest and the highest dots, and those that leave without having had a worker."""
PITCH, MAX_ROWS = 1.0, 9
LEAVING_S = 0.05
"""For so long a request that is gone is still to be seen."""
GONE_NAMES = {"served": SERVED, "rejected": REJECTED, "failed": FAILED, "answered in vain": NEEDLESS}
SHARES = (0.5, 0.99)


class Film:
    """The moments of a run in a part of it, and where on the picture there are places: in lines, and at workers."""

    def __init__(self, moments: Moments) -> None:
        self.moments = moments
        self.first_s, self.last_s = moments.window()
        part = self.first_s, self.last_s
        self.marked = {share: moments.percentile_request(share, *part) for share in SHARES}
        self.inside, self.in_line = moments.inside(*part), moments.in_line(*part)
        untold = np.isin(moments.became, (OPEN, FAILED, ASIDE)) & np.isnan(moments.queued_s)
        self.told_until_s = min(self.last_s, float(moments.due_s[untold].min(initial=np.inf)))
        """Up to when it is known how many were in line: then comes a request of which the server has told nothing."""
        self.most = max(
            1, int(self.inside[1].max()), int(self.in_line[1][self.in_line[0] <= self.told_until_s].max(initial=0))
        )
        self._longest = {SENT: moments.on_the_way(*part)[1].max(), IN_LINE: self.in_line[1].max()}
        self.workers = max(moments.workers, int(moments.places.max(initial=-1)) + 1)
        columns = self.workers if moments.servers > 1 else -(-self.workers // MAX_ROWS)
        self._rows, self.place_width = -(-self.workers // columns), (WORK[1] - WORK[0]) / columns

    def along(self, moments_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where moments stand on the strip below."""
        return RIGHT * (moments_s - self.first_s) / (self.last_s - self.first_s)

    def strip(self, steps: Steps, until_s: float = np.inf) -> Points:
        """A number over time, up to then; the strip is as high as the `most` inside or in line."""
        shown = steps[0] <= until_s
        return self.along(steps[0][shown]), STRIP * steps[1][shown] / self.most

    def queue(self, state: int, server: int, number: int) -> NDArray[np.float64]:
        """Places (x, y) of so many that wait, the first one at the right end; one below the other where they are many."""
        begins, ends = (0.5, SENT_ENDS) if state == SENT else (LINE_BEGINS, LINE_ENDS)
        longest, fits = max(1, int(self._longest[state])), int((ends - begins) / PITCH)
        rows = 1 if self.moments.servers > 1 else min(MAX_ROWS, -(-longest // fits))
        pitch = min(PITCH, (ends - begins) / -(-longest // rows))
        place = np.arange(number)
        return np.array([ends - pitch * (place // rows), self._height(server, place % rows, rows)])

    def at_worker(self, place: NDArray[np.int64], server: NDArray[np.int64]) -> NDArray[np.float64]:
        """The left ends (x, y) of these workers' places."""
        column, row = place // self._rows, place % self._rows
        return np.array([WORK[0] + self.place_width * column, self._height(server, row, self._rows)])

    def _height(self, server: int | NDArray[np.int64], row: NDArray[np.int64], rows: int) -> NDArray[np.float64]:
        """Rows stand around the middle; each server has one of its own, the first on top."""
        number, at = (self.moments.servers, server + 0 * row) if self.moments.servers > 1 else (rows, row)
        apart = min(0.8, (HIGH - LOW) / max(1, number - 1))
        return np.asarray((LOW + HIGH) / 2 + apart * ((number - 1) / 2 - at), float)


@dataclass(frozen=True)
class Scene:
    """A film at a moment of the run."""

    film: Film
    at_s: float

    @cached_property
    def states(self) -> NDArray[np.int64]:
        """Where each request is."""
        return self.film.moments.states_at(self.at_s)

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """x and y of each dot, shape (2, requests); NaN where it is not on the picture."""
        film, moments, states = self.film, self.film.moments, self.states
        found = np.full((2, states.size), np.nan)
        for state, since_s in ((SENT, moments.due_s), (IN_LINE, moments.queued_s)):
            for server in range(moments.servers if state == IN_LINE else 1):
                those = np.flatnonzero((states == state) & ((moments.server == server) | (state == SENT)))
                those = those[np.argsort(since_s[those], kind="stable")]
                found[:, those] = film.queue(state, server, those.size)
        leaving = (states == GONE) & (self.at_s - moments.gone_s < LEAVING_S)
        seen = (states == AT_WORK) | (states == ANSWERED) | leaving
        found[:, seen] = film.at_worker(moments.places[seen], moments.server[seen])
        found[1, leaving & (moments.places < 0)] = FLOOR
        working = states == AT_WORK
        lasts_s = (moments.done_s - moments.started_s)[working]
        # Of work without an end none is done, as far as the record knows.
        done = np.nan_to_num((self.at_s - moments.started_s[working]) / lasts_s)
        found[0, working] += film.place_width * (0.1 + 0.8 * done)
        found[0, states == ANSWERED] = REPLY
        ago_s = self.at_s - moments.gone_s[leaving]
        found[0, leaving] = LEAVES[0] + ago_s / LEAVING_S * (LEAVES[1] - LEAVES[0])
        return found

    def dots(self, *became: int) -> Points:
        """Those of which this became, or will."""
        x, y = self.points[:, np.isin(self.film.moments.became, became)]
        return x, y

    def number(self, state: int) -> int:
        """How many are there; attempts count in line and at work, too."""
        return int(np.count_nonzero(self.states == state))

    @property
    def is_all_told(self) -> bool:
        """Whether the server has told of all requests up to now; otherwise more may be in line and at work than is known."""
        return self.at_s < self.film.told_until_s or self.film.told_until_s == self.film.last_s

    def gone(self, became: int) -> int:
        """How many are gone by now, of which this became."""
        return int(np.count_nonzero((self.states == GONE) & (self.film.moments.became == became)))

    def marked(self, share: float) -> tuple[float, float] | None:
        """The dot of the request whose response time is this percentile; None while it is not on the picture."""
        one = self.film.marked[share]
        if one is None or not np.isfinite(self.points[:, one]).all():
            return None
        return float(self.points[0, one]), float(self.points[1, one])

    def text(self) -> str:
        """The moment in words."""
        gone = {name: self.gone(became) for name, became in GONE_NAMES.items()}
        said = [f"{self.at_s:.4f} s of the run", f"sent {count(self.number(SENT))}"]
        least = "" if self.is_all_told else "at least "
        for name, state in (("in line", IN_LINE), ("at work", AT_WORK)):
            said.append(f"{name} {least}{count(self.number(state))}")
        said += [f"{name} {count(number)}" for name, number in gone.items() if number or name == "served"]
        return " · ".join(said)
