"""A server that is offered more connections than it serves: a queue in front of it, and clients that try again."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Pauses = Sequence[float]
"""How long after each try the next one follows; the last pause holds for all further ones."""


def fluid_wait(arrived: ArrayLike, rate: float, workers: int, service: float, backlog: float) -> NDArray[np.float64]:
    """How long a request waits that arrives at such a moment and finds room: (λ − W/S)·t / (W/S), at most that of a full queue.

    Requests arrive as a fluid from t = 0 on at an empty server with W workers, each of which takes S for a request.
    """
    capacity = workers / service
    queued = np.maximum(0, (rate - capacity) * np.asarray(arrived, float))
    return np.minimum(queued, backlog) / capacity


def simulated(
    arrivals: ArrayLike, workers: int, service: float, room: int, pauses: Pauses
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """When each request has its reply, and by which try (from 1) it found room; arrays of the shape of `arrivals`, which rise.

    Each of `workers` serves one request at a time for `service`, first come first served; up to `room` requests wait. A request
    that finds no room tries again after a pause.
    """
    if workers < 1 or service <= 0 or room < 0 or not pauses or min(pauses) <= 0:
        raise ValueError("there must be a worker, a service time, and pauses, and no negative room")
    times = np.asarray(arrivals, float)
    ended, tries = np.full(times.size, np.nan), np.ones(times.size, int)
    # Several requests at one moment come in the order of their numbers.
    coming = [(moment, number) for number, moment in enumerate(times.tolist())]
    heapq.heapify(coming)
    busy: list[float] = []
    queue: deque[int] = deque()

    def serve(moment: float, number: int) -> None:
        ended[number] = moment + service
        heapq.heappush(busy, moment + service)

    while coming:
        moment, number = heapq.heappop(coming)
        while busy and busy[0] <= moment:
            free = heapq.heappop(busy)
            if queue:
                serve(free, queue.popleft())
        if len(busy) < workers:
            serve(moment, number)
        elif len(queue) < room:
            queue.append(number)
        else:
            pause = pauses[min(tries[number], len(pauses)) - 1]
            tries[number] += 1
            heapq.heappush(coming, (moment + pause, number))
    while queue:
        serve(heapq.heappop(busy), queue.popleft())
    return ended, tries
