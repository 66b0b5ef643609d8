"""Several servers with a queue each, and a route that decides which of them gets the next request. One unit of time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    random = Random(seed)
    free = [0.0] * len(slowness)
    inside: list[deque[float]] = [deque() for _ in slowness]
    alive, dead = inside, 0
    servers, departures = [], []
    times, work = np.asarray(arrivals, float).tolist(), np.asarray(services, float).tolist()
    for number, (time, service) in enumerate(zip(times, work, strict=True)):
        if not dead and time >= dies_at:
            alive, dead = inside[1:], 1
        for queue in alive:
            while queue and queue[0] <= time:
                queue.popleft()
        chosen = dead + route([len(queue) for queue in alive], number, random) if alive else NO_SERVER
        if alive:
            free[chosen] = max(time, free[chosen]) + service * slowness[chosen]
            inside[chosen].append(free[chosen])
        servers.append(chosen)
        departures.append(free[chosen] if alive else math.nan)
    by, went = np.array(servers, np.int64), np.array(departures)
    went[(by == 0) & (went > dies_at)] = math.nan
    return Routed(by, went)
