"""Queues simulated customer by customer: G/G/c with a bounded queue and any discipline that does not interrupt a service.

Arrivals and services have shape (customers,), arrivals in rising order, in one unit of time.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.theory.many_servers import starts_of_service

Discipline = Callable[[int, float, int], Any]
"""Rank of a waiting customer by number, service time and class: the lowest is served next."""
MayQueue = Callable[[int, float], bool]
"""Asked of a customer that finds all servers busy, with how many wait and with its service time."""
Drops = Callable[[float, float, float], bool]
"""Asked when a customer's turn has come, with the moment, the time it has waited, and its service time."""


def fifo(number: int, service: float, kind: int) -> Any:
    """First in, first out."""
    return number


def lifo(number: int, service: float, kind: int) -> Any:
    """Last in, first out."""
    return -number


def shortest_first(number: int, service: float, kind: int) -> Any:
    """The shortest service next; among equals the first in."""
    return service, number


@dataclass(frozen=True)
class SimulatedQueue:
    """What became of each customer; all of shape (customers,). Those that were rejected or dropped have NaN and are `lost`."""

    arrivals: NDArray[np.float64]
    starts: NDArray[np.float64]
    departures: NDArray[np.float64]

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Which customers were not served."""
        return np.isnan(self.starts)

    @property
    def waits(self) -> NDArray[np.float64]:
        """Time in the queue, of served customers."""
        return (self.starts - self.arrivals)[~self.lost]

    @property
    def responses(self) -> NDArray[np.float64]:
        """Time in queue and service, of served customers."""
        return (self.departures - self.arrivals)[~self.lost]


def lindley(arrivals: ArrayLike, services: ArrayLike) -> NDArray[np.float64]:
    """Waits at one server, first in, first out: W(n) = max(0, W(n−1) + S(n−1) − A(n)) (Lindley 1952).

    All at once: the wait is the height of a walk of steps S − A above its lowest point so far.
    """
    times, work = np.asarray(arrivals, float), np.asarray(services, float)
    walk = np.zeros(times.size)
    np.cumsum(work[:-1] - np.diff(times), out=walk[1:])
    return walk - np.minimum.accumulate(walk)


def simulate(
    arrivals: ArrayLike,
    services: ArrayLike,
    servers: int = 1,
    places: float = math.inf,
    discipline: Discipline = fifo,
    kinds: ArrayLike | None = None,
    may_queue: MayQueue | None = None,
    drops: Drops | None = None,
) -> SimulatedQueue:
    """Serve every customer that finds a place, or that `may_queue`; `places` counts customers in the queue, not those in service.
    One that `drops` says is not served when its turn has come.

    `kinds` are the customers' classes for a discipline that looks at them. Raises ValueError for arrivals that are not in order.
    """
    times, work = np.asarray(arrivals, float), np.asarray(services, float)
    _check(times, work, servers, places)
    if discipline is fifo and math.isinf(places) and may_queue is None and drops is None:
        starts = times + lindley(times, work) if servers == 1 else starts_of_service(times, work, servers)
    else:
        if kinds is not None and np.shape(kinds) != times.shape:
            raise ValueError(f"each arrival needs one class; got shapes {times.shape} and {np.shape(kinds)}")
        of_kind = repeat(0) if kinds is None else np.asarray(kinds, int).tolist()
        rules = may_queue or (lambda queued, _: queued < places), drops or (lambda *_: False)
        starts = _any_queue(times, work, servers, discipline, of_kind, *rules)
    return SimulatedQueue(times, starts, starts + work)


def _any_queue(
    times: NDArray[np.float64],
    work: NDArray[np.float64],
    servers: int,
    discipline: Discipline,
    kinds: Any,
    may_queue: MayQueue,
    drops: Drops,
) -> NDArray[np.float64]:
    arrivals, services = times.tolist(), work.tolist()
    starts = np.full(times.size, np.nan)
    busy: list[float] = []  # when each server in use becomes free
    waiting: list[tuple[Any, int]] = []

    def serve(number: int, now: float) -> None:
        if not drops(now, now - arrivals[number], services[number]):
            starts[number] = now
            heapq.heappush(busy, now + services[number])

    def serve_until(moment: float) -> None:
        while busy and busy[0] <= moment:
            now, free = heapq.heappop(busy), len(busy)
            while waiting and len(busy) == free:
                serve(heapq.heappop(waiting)[1], now)

    for number, (time, kind) in enumerate(zip(arrivals, kinds, strict=False)):
        serve_until(time)
        if len(busy) < servers:
            serve(number, time)
        elif may_queue(len(waiting), services[number]):
            heapq.heappush(waiting, (discipline(number, services[number], kind), number))
    serve_until(math.inf)
    return starts


def _check(times: NDArray[np.float64], work: NDArray[np.float64], servers: int, places: float) -> None:
    if times.shape != work.shape or times.ndim != 1:
        raise ValueError(f"each arrival needs one service; got shapes {times.shape} and {work.shape}")
    if not np.all(np.diff(times) >= 0) or np.isnan(times).any():
        raise ValueError("arrivals must be in the order of time")
    if not (np.all(work >= 0) and servers >= 1 and places >= 0):
        raise ValueError("services and places must not be negative, and there must be a server")
