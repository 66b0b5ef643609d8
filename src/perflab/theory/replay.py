"""A live queue replayed: the recorded arrivals and service times go through the recursion.

Out come response times to compare. Where both agree, waiting in line explains what was measured; where they part, something
else held the requests up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from perflab.theory.simulate import simulate


@dataclass(frozen=True)
class Replay:
    """Mean response times, in the unit of the arrivals: as `measured`, and as `replayed` with the recorded services."""

    measured: float
    replayed: float

    @property
    def deviation(self) -> float:
        """How far the replay lies from the measurement, as a share of it."""
        return abs(self.replayed - self.measured) / self.measured if self.measured > 0 else 0.0


def replay(arrivals: ArrayLike, starts: ArrayLike, departures: ArrayLike, servers: int = 1) -> Replay:
    """Serve the recorded services again, first come first served, at so many servers. All of shape (requests,), in any order.

    A start is the moment since when a request holds its server, whatever that waits for then. One server: Lindley's recursion
    (1952); several: that of Kiefer and Wolfowitz (1955). Raises ValueError without requests.
    """
    came, began, went = (np.asarray(times, float) for times in (arrivals, starts, departures))
    if not came.size or not came.shape == began.shape == went.shape:
        raise ValueError("there must be requests, each with its arrival, start and departure")
    order = np.argsort(came, kind="stable")
    # Differences to the first arrival: large clock readings would cost digits.
    run = simulate((came - came.min())[order], np.maximum(went - began, 0)[order], servers)
    return Replay(float(np.mean(went - came)), float(np.mean(run.responses)))
