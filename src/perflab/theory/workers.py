"""What a number of workers can do: each computes, on so many CPUs, and then holds one of a pool of connections.

Times in seconds, rates per second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.theory.simulate import lindley


@dataclass(frozen=True)
class Shop:
    """What a request needs, and how much of it there is: `cpus` that compute at the same time (1 under an interpreter's lock)
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
        """The smallest of the limits: nobody gets more through."""
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


def mean_response(arrivals: ArrayLike, capacity: float, service: float, places: int, seconds: float) -> float:
    """Mean response of those who are served within so many `seconds`: all workers taken for one that is as fast as they together.

    Lindley's recursion (1952) for the wait, which cannot be longer than that of a full queue of so many `places`; then a service.
    NaN when nobody is served in time.
    """
    came = np.asarray(arrivals, float)
    waits = np.minimum(lindley(came, np.full(came.size, 1 / capacity)), places / capacity)
    served = came + waits + service <= seconds
    return service + float(waits[served].mean()) if served.any() else float("nan")
