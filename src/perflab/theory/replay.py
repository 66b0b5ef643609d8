"""A live queue replayed: the recorded arrivals and service times go through the recursion.

Out come response times to compare. Where both agree, waiting in line explains what was measured; where they part, something
else held the requests up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.theory.simulate import simulate

ROUNDING = 1e-12
FAR = 10.0


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

    One server: Lindley's recursion (1952); several: that of Kiefer and Wolfowitz (1955). The hand-over from one request to the
    next who waited for it (its mean) is a part of each service, though not of its response: meanwhile the server serves
    nobody. Raises ValueError without requests.
    """
    came, began, went = (np.asarray(times, float) for times in (arrivals, starts, departures))
    if not came.size or not came.shape == began.shape == went.shape:
        raise ValueError("there must be requests, each with its arrival, start and departure")
    order = np.argsort(came, kind="stable")
    # Differences to the first arrival: large clock readings would cost digits.
    between = _handover(came, began, went)
    run = simulate((came - came.min())[order], (np.maximum(went - began, 0) + between)[order], servers)
    return Replay(float(np.mean(went - came)), float(np.mean(run.responses)) - between)


def _handover(came: NDArray[np.float64], began: NDArray[np.float64], went: NDArray[np.float64]) -> float:
    """Mean time from the last departure to the start of who had waited for it; 0 where nobody waited.

    Times of more than `FAR` medians are left out: this is to explain what a server always needs, and not whatever else holds up
    some requests. At several servers another one may have departed in between: then it explains too little.
    """
    departures = np.sort(went)
    rounding = ROUNDING * (departures[-1] - came.min())
    before = np.searchsorted(departures, began + rounding, side="right") - 1
    freed = departures[np.maximum(before, 0)]
    waited = (before >= 0) & (freed > came)
    if not waited.any():
        return 0.0
    gaps = np.maximum(began - freed, 0)[waited]
    return float(gaps[gaps <= FAR * np.median(gaps)].mean())
