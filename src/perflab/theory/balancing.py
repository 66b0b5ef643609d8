"""Several servers with a queue each, and somebody who decides which of them gets the next request. One unit of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import ArrayLike, NDArray

Route = Callable[[Sequence[int], int, Random], int]


@dataclass(frozen=True)
class Routed:
    """Who served each request, and when it was done; both of shape (requests,)."""

    servers: NDArray[np.int64]
    departures: NDArray[np.float64]


def simulate_routed(
    arrivals: ArrayLike, services: ArrayLike, slowness: Sequence[float], route: Route, seed: int = 0
) -> Routed:
    """Each server works first come, first served, and takes `slowness` times the service. Arrivals in rising order."""
    random = Random(seed)
    free = [0.0] * len(slowness)
    inside: list[deque[float]] = [deque() for _ in slowness]
    servers, departures = [], []
    times, work = np.asarray(arrivals, float).tolist(), np.asarray(services, float).tolist()
    for number, (time, service) in enumerate(zip(times, work, strict=True)):
        for queue in inside:
            while queue and queue[0] <= time:
                queue.popleft()
        chosen = route([len(queue) for queue in inside], number, random)
        free[chosen] = max(time, free[chosen]) + service * slowness[chosen]
        inside[chosen].append(free[chosen])
        servers.append(chosen)
        departures.append(free[chosen])
    return Routed(np.array(servers, np.int64), np.array(departures))


def mean_response_split(rate: float, service: float, slowness: Sequence[float]) -> float:
    """Mean response when chance deals Poisson arrivals evenly to servers with exponential services: as many M/M/1 queues.

    Infinite when one of them cannot keep up.
    """
    each = rate / len(slowness)
    means = [1 / (1 / (service * factor) - each) if each * service * factor < 1 else np.inf for factor in slowness]
    return float(np.mean(means))
