"""Reading memory at random: what a working set costs that does not fit into the cache. Sizes in bytes, times in ns."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def share_outside(working_set: ArrayLike, cache: float) -> NDArray[np.float64]:
    """Share of random reads that the cache does not hold: 1 − C/w, and none where all fits; same shape as `working_set`."""
    sizes = np.asarray(working_set, float)
    if cache <= 0 or np.any(sizes <= 0):
        raise ValueError("sizes must be above zero")
    return 1 - np.minimum(1.0, cache / sizes)


def random_read(working_set: ArrayLike, cache: float, inside: float, outside: float) -> NDArray[np.float64]:
    """Mean of a random read: two levels, one cache and what lies behind it.

    Real machines have three or four levels, and translate addresses, which takes time of its own where the working set has
    more pages than the translation buffer: the true curve is smoother, and higher at the end.
    """
    return inside + share_outside(working_set, cache) * (outside - inside)


def outside_from(measured: float, working_set: float, cache: float, inside: float) -> float:
    """What a read outside the cache takes, from the mean of a working set larger than the cache; never below `inside`."""
    share = float(share_outside(working_set, cache))
    if share <= 0:
        raise ValueError("the working set must be larger than the cache")
    return max(inside, inside + (measured - inside) / share)
