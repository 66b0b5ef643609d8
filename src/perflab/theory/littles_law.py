"""Little's law, L = λW: requests inside = arrivals per time × time inside.

Over a window that begins and ends empty it is no theorem about averages but bookkeeping: the area under the number of
requests inside is the sum of their times inside (Little 1961; Stidham 1974).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Flow:
    """Requests inside on average, arrivals per unit of time, and mean time inside."""

    inside: float
    rate: float
    time_inside: float


def observe(arrivals: ArrayLike, departures: ArrayLike) -> Flow:
    """The three averages, each counted for itself, from first arrival to last departure. Both of shape (requests,).

    `inside` is integrated over the steps of the number inside, not derived from the times of single requests.
    """
    came, went = np.asarray(arrivals, float), np.asarray(departures, float)
    if came.size == 0 or came.shape != went.shape or np.any(went < came):
        raise ValueError("arrivals and departures must pair up, and no departure may come before its arrival")
    window = float(went.max() - came.min())
    if window <= 0:
        raise ValueError("the window has no length")
    # Differences to the first arrival: large clock readings would cost digits.
    moments, inside = steps_inside(came - came.min(), went - came.min())
    return Flow(float(inside[:-1] @ np.diff(moments)) / window, came.size / window, float(np.mean(went - came)))


def steps_inside(came: ArrayLike, went: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Moments at which the number inside changes, and the number from then on; some may not have left yet."""
    moments, steps = np.concatenate([came, went]), np.repeat([1, -1], [np.size(came), np.size(went)])
    order = np.argsort(moments, kind="stable")
    return moments[order], steps[order].cumsum()


def inside_over_time(came: ArrayLike, went: ArrayLike, edges: ArrayLike) -> NDArray[np.float64]:
    """Mean number inside between each two `edges`, integrated over its steps; some may not have left yet. Shape (edges − 1,)."""
    ends = np.asarray(edges, float)

    def total_time(moments: ArrayLike) -> NDArray[np.float64]:
        """Up to each edge, the time that has passed since each of these moments, summed."""
        ordered = np.sort(np.asarray(moments, float))
        sums = np.concatenate([[0.0], np.cumsum(ordered)])
        seen = np.searchsorted(ordered, ends)
        return seen * ends - sums[seen]

    return np.diff(total_time(came) - total_time(went)) / np.diff(ends)
