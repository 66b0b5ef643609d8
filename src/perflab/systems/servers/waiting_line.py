"""Requests that wait for a server's workers: which may wait, which is served next, and which is dropped instead.

Pure rules on a clock that is handed in, in ns: they decide in the real server, and in a simulation of it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from perflab.measure.guards import BadInput, check_number
from perflab.systems.servers.policy import Policy, Ranking

FIRST, LAST, SHORTEST = "first come", "last come", "shortest"
ORDERS = (FIRST, LAST, SHORTEST)
NOTHING, LATE, HOPELESS, CODEL = "nothing", "late", "what will be late", "like CoDel"
DROPS = (NOTHING, LATE, HOPELESS, CODEL)
MAX_PLACES, MAX_WORKERS, MAX_MS = 100_000, 100, 10_000.0
MARGIN, TARGET, SLOUGH, INTERVAL_MS = 0.9, 0.25, 2.0, 100.0

MayQueue = Callable[[int, float, float], bool]
"""Asked of a request that finds all workers busy: how many wait, the usual service time and the deadline, both in seconds."""
Rank = Callable[[int, float], float]
"""Asked of a request that may wait: its number in the order of arrival, and its service time in seconds. The lowest is next."""


@dataclass(frozen=True)
class LineRules:
    """`workers` serve in an `order`, and `drop` some requests when their turn has come; so many have `places` to wait, or as many
    as `may_queue`. A service usually takes `usual_ms`. A `rank` takes the place of the order.
    """

    workers: int = 1
    order: str = FIRST
    drop: str = NOTHING
    places: int = MAX_PLACES
    usual_ms: float = 4.0
    may_queue: MayQueue | None = None
    rank: Rank | None = None

    def __post_init__(self) -> None:
        check_number("workers", self.workers, 1, MAX_WORKERS, whole=True)
        check_number("places", self.places, 0, MAX_PLACES, whole=True)
        check_number("usual_ms", self.usual_ms, 0, MAX_MS)
        for name, allowed in (("order", ORDERS), ("drop", DROPS)):
            if getattr(self, name) not in allowed:
                raise BadInput(f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}.")
        for name in ("may_queue", "rank"):
            if not (getattr(self, name) is None or callable(getattr(self, name))):
                raise BadInput(f"{name} must be a function; got {getattr(self, name)!r}.")


@dataclass(eq=False, slots=True)
class Waiting:
    """A request in line, to be answered within its deadline; `token` is what its owner knows it by."""

    arrived_ns: int
    service_ns: int
    deadline_ns: float = math.inf
    token: Any = None
    has_left: bool = field(default=False, init=False)


class Line:
    """The requests that wait, by rules that may be exchanged meanwhile: what waits already keeps its rank."""

    def __init__(self, rules: LineRules) -> None:
        self.follow(rules)
        self.length = 0
        self._waiting: list[tuple[float, int, Waiting]] = []
        self._number = 0
        self._codel = like_codel()

    def follow(self, rules: LineRules) -> None:
        """These rules from now on."""
        self.rules = rules
        self._policy = Policy("The admission rule", rules.may_queue) if rules.may_queue else None
        self._ranking = Ranking("The discipline", rules.rank) if rules.rank else None

    def check(self) -> None:
        """Raise `PolicyFailed` where a learner's rule has failed, or does not return. From any thread."""
        for asked in (self._policy, self._ranking):
            if asked is not None:
                asked.check()

    def enter(self, one: Waiting) -> bool:
        """Wait in line; false where it may not. Raises `PolicyFailed`."""
        rules = self.rules
        if self._policy is None:
            is_let_in = self.length < rules.places
        else:
            is_let_in = self._policy(self.length, rules.usual_ms / 1e3, one.deadline_ns / 1e9)
        if is_let_in:
            rank = self._rank(one)
            self._number += 1
            heapq.heappush(self._waiting, (rank, self._number, one))
            self.length += 1
        return is_let_in

    def _rank(self, one: Waiting) -> float:
        if self._ranking is not None:
            return self._ranking(self._number, one.service_ns / 1e9)
        return {FIRST: 0, LAST: -self._number, SHORTEST: one.service_ns}[self.rules.order]

    def leave(self, one: Waiting) -> None:
        """Wait no longer, wherever in line."""
        if not one.has_left:
            one.has_left = True
            self.length -= 1

    def next(self) -> Waiting | None:
        """The one whose turn it is, which waits no longer; None where no request waits."""
        while self._waiting:
            _, _, one = heapq.heappop(self._waiting)
            if not one.has_left:
                self.leave(one)
                return one
        return None

    def is_dropped(self, one: Waiting, now_ns: int) -> bool:
        """Whether one whose turn has come is not to be served. To be asked of each, those that never waited too."""
        waited_ms, deadline_ms, rules = (now_ns - one.arrived_ns) / 1e6, one.deadline_ns / 1e6, self.rules
        if rules.drop == LATE:
            return waited_ms > deadline_ms
        if rules.drop == HOPELESS:
            return waited_ms + rules.usual_ms > MARGIN * deadline_ms
        return rules.drop == CODEL and self._codel(TARGET * deadline_ms, now_ns / 1e6, waited_ms)


def like_codel(interval: float = INTERVAL_MS) -> Callable[[float, float, float], bool]:
    """Whether a request is dropped that has waited so long: gets the target, the moment and the wait, in one unit, at each turn.

    Like CoDel (Nichols and Jacobson 2012), as folly has it for servers: where even the least wait of the last 100 ms was above
    the target, there is a standing queue, and what has waited twice the target is dropped.
    """
    least = until = 0.0
    is_standing = False

    def drops(target: float, now: float, waited: float) -> bool:
        nonlocal least, until, is_standing
        if now >= until:
            is_standing = least > target
            least, until = waited, now + interval
        elif waited < least:
            least = waited
        return is_standing and waited > SLOUGH * target

    return drops
