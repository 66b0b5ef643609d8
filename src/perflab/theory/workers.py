"""What a number of workers can do: each computes, on so many CPUs, and then holds one of a pool of connections.

Times in seconds, rates per second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.theory.queues import erlang_b


@dataclass(frozen=True)
class Shop:
    """What a request needs, and how much of it there is: `cpus` that compute at the same time (1 under a GIL)
    and `connections`.
    """

    compute: float
    query: float
    cpus: float
    connections: int

    def limits(self, workers: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """Upper bounds of the throughput by what sets them, shaped like `workers` (Denning and Buzen 1978)."""
        many = np.asarray(workers, float)
        return {
            "workers": many / (self.compute + self.query),
            "computing": np.full(many.shape, _per(self.cpus, self.compute)),
            "connections": np.full(many.shape, _per(self.connections, self.query)),
        }

    def most(self, workers: ArrayLike) -> NDArray[np.float64]:
        """The smallest of the limits: the capacity."""
        return np.minimum.reduce(list(self.limits(workers).values()))

    def least(self, workers: ArrayLike) -> NDArray[np.float64]:
        """Throughput when all workers, always in step, get to the CPUs at once and then to the connections at once.

        With one CPU and connections enough it is Amdahl's law (1967), the computing being the serial part.
        """
        many = np.asarray(workers, float)
        rounds = self.compute * np.maximum(1, many / self.cpus) + self.query * np.maximum(1, many / self.connections)
        return many / rounds


def _per(number: float, time: float) -> float:
    return number / time if time > 0 else np.inf


def served_per_s(rate: float, capacity: float, service: float, places: int) -> float:
    """Throughput in the steady state of Poisson arrivals at `rate` (M/D/c/K); `places` counts those in service too.

    Exact without places to wait (Erlang's loss formula does not ask how service times are distributed). A queue of
    constant services needs half the places of one of exponential services, so the queue counts twice: within 3.5%, which is the
    worst of the cases with one server and one place (M/D/1/2).
    """
    if not (rate >= 0 and capacity > 0 and service > 0):
        raise ValueError("capacity and service time are above 0, and the rate is not below")
    servers = _at_once(capacity, service)
    busy = erlang_b(servers, rate * servers / capacity)
    return rate * (1 - _turned_away(busy, rate / capacity, 2 * max(0, places - servers)))


def mean_response(arrivals: ArrayLike, capacity: float, service: float, places: int, seconds: float) -> float:
    """Mean response of the requests served within so many `seconds`, first come, first served, by constant services.

    A request that finds all `places` taken, those in service included, is rejected. NaN when none is served in time.
    """
    if not (capacity > 0 and service > 0):
        raise ValueError("capacity and service time are above 0")
    servers, latest = _at_once(capacity, service), seconds - service
    places = max(places, servers)
    busy, waited, served = servers / capacity, 0.0, 0
    # Constant services end in the order in which they began: of those admitted, only two can matter to the next, and the
    # fillers at the beginning are no requests.
    ends = [-np.inf] * places
    for came in np.asarray(arrivals, float).tolist():
        if ends[-places] > came:
            continue
        start = ends[-servers]
        if start < came:
            start = came
        if start > latest:
            break
        ends.append(start + busy)
        waited, served = waited + start - came, served + 1
    return service + waited / served if served else float("nan")


def admitted(
    arrivals: ArrayLike, service: float, workers: int, may_queue: Callable[[int], bool]
) -> NDArray[np.float64]:
    """When each request is done: first come, first served, by constant services. Shape (requests,), NaN where it is rejected.

    A request that finds all `workers` busy stays where it `may_queue`, which gets the number of those that wait already.
    """
    if not (workers >= 1 and service > 0):
        raise ValueError("there is at least one worker, and a service takes time")
    times = np.asarray(arrivals, float)
    done, ends, gone = np.full(times.shape, np.nan), [-np.inf] * workers, 0
    for number, came in enumerate(times.tolist()):
        while gone < len(ends) and ends[gone] <= came:
            gone += 1
        queued = len(ends) - gone - workers
        if queued >= 0 and not may_queue(queued):
            continue
        # Constant services end in the order in which they began: a worker is free when the last but so many has ended.
        ends.append(max(came, ends[-workers]) + service)
        done[number] = ends[-1]
    return done


def admitted_to(arrivals: ArrayLike, service: float, workers: int, places: int) -> NDArray[np.float64]:
    """As `admitted` where as many may wait as there are `places`."""
    if not (workers >= 1 and service > 0 and places >= 0):
        raise ValueError("there is at least one worker, a service takes time, and places are not negative")
    done = list[float]()
    # The two that matter to the next one: the last but so many must be gone, and the worker of the other is free first.
    ends = [-np.inf] * (workers + places)
    for came in np.asarray(arrivals, float).tolist():
        if ends[-workers - places] > came:
            done.append(np.nan)
            continue
        start = ends[-workers]
        ends.append((start if start > came else came) + service)
        done.append(ends[-1])
    return np.array(done)


def _at_once(capacity: float, service: float) -> int:
    """How many are served at the same time where so much gets through; the others only hold a worker and wait."""
    return max(1, round(capacity * service))


def _turned_away(all_busy: float, load: float, waiting: int) -> float:
    """Share that finds all servers busy and so many waiting, from the share that finds all busy where none may wait."""
    if load <= 1:
        return all_busy * load**waiting / (1 + all_busy * float(np.sum(load ** np.arange(1, waiting + 1))))
    # Divided by load**waiting, which would be too large a number.
    below = float(np.sum((1 / load) ** np.arange(waiting)))
    return all_busy / ((1 / load) ** waiting + all_busy * below)
