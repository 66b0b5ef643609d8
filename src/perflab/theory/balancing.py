"""Several servers with a queue each, and a route that decides which of them gets the next request. One unit of time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.theory.simulate import lindley

Route = Callable[[Sequence[int], int, Random], int]


NO_SERVER = -1


@dataclass(frozen=True)
class Routed:
    """The server of each request, and when it was done; both of shape (requests,).

    A request that died with its server has no departure (NaN); nor has one that found no server alive, which went to
    `NO_SERVER`.
    """

    servers: NDArray[np.int64]
    departures: NDArray[np.float64]


def simulate_routed(
    arrivals: ArrayLike,
    services: ArrayLike,
    slowness: Sequence[float],
    route: Route,
    seed: int = 0,
    dies_at: float = math.inf,
) -> Routed:
    """Each server works first come, first served, and takes `slowness` times the service. Arrivals in rising order.

    At `dies_at` server 0 goes with all that it has not done yet; from then on `route` sees the others only.
    """
    random, gone = Random(seed), list[tuple[float, int]]()
    free, inside, dead = [0.0] * len(slowness), [0] * len(slowness), 0
    servers, departures = [], []
    times, work = np.asarray(arrivals, float).tolist(), np.asarray(services, float).tolist()
    for number, (time, service) in enumerate(zip(times, work, strict=True)):
        if not dead and time >= dies_at:
            dead = 1
        while gone and gone[0][0] <= time:
            inside[heapq.heappop(gone)[1]] -= 1
        if dead == len(slowness):
            servers.append(NO_SERVER)
            departures.append(math.nan)
            continue
        chosen = dead + route(inside[dead:], number, random)
        start = free[chosen] if free[chosen] > time else time
        done = free[chosen] = start + service * slowness[chosen]
        heapq.heappush(gone, (done, chosen))
        inside[chosen] += 1
        servers.append(chosen)
        departures.append(done)
    by, went = np.array(servers, np.int64), np.array(departures)
    went[(by == 0) & (went > dies_at)] = math.nan
    return Routed(by, went)


def simulate_dealt(arrivals: ArrayLike, services: ArrayLike, slowness: Sequence[float], servers: ArrayLike) -> Routed:
    """As `simulate_routed` where it is known beforehand which of the `servers` each request goes to: all at once."""
    times, work, by = np.asarray(arrivals, float), np.asarray(services, float), np.asarray(servers, np.int64)
    went = np.empty(times.size)
    for server, factor in enumerate(slowness):
        own = by == server
        took = work[own] * factor
        went[own] = times[own] + lindley(times[own], took) + took
    return Routed(by, went)
