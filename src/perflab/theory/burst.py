"""A burst of requests at threads that wait, and at one machine that computes for all of them: when is it over?"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray


def burst_responses(
    size: int, per_s: float, threads: int, wait_s: float, demand_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Arrivals and responses (s), each of shape (size,), of requests that arrive evenly, `per_s` per second.

    Each takes the first thread that is free, waits `wait_s` in it, and then needs the machine for `demand_s`, first come first
    served. Exact for these: a recursion over the requests, as Lindley's. A closed system in balance (`queues.closed`) knows
    neither the beginning nor the end of a burst: 18 requests of 4 threads take five turns, not four and a half. Raises
    ValueError for less than one request or thread, or no rate.
    """
    if size < 1 or threads < 1 or per_s <= 0:
        raise ValueError("there must be a request, a thread, and a rate")
    arrivals = np.arange(1, size + 1) / per_s
    free = [0.0] * threads
    departures = np.empty(size)
    machine_free = 0.0
    # No request overtakes another: arrivals and the earliest free thread only grow, and all wait for equally long.
    for number, arrived in enumerate(arrivals):
        ready = max(float(arrived), heapq.heappop(free)) + wait_s
        machine_free = max(ready, machine_free) + demand_s
        departures[number] = machine_free
        heapq.heappush(free, machine_free)
    return arrivals, departures - arrivals
