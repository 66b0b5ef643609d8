"""Adding up the parts of a request: in a row they add, side by side the longest decides.

Spans have shape (parts,) and one unit of time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike


def serial(spans: ArrayLike) -> float:
    """Parts one after another: their sum."""
    return float(np.sum(np.asarray(spans, float)))


def parallel(spans: ArrayLike, workers: float = math.inf) -> float:
    """Parts side by side: the longest. `workers` bounds how much can be done at once (CPUs, for parts that compute).

    With bounded workers this is the larger of longest part and sum / workers, which no schedule can beat (Graham 1969).
    """
    given = np.asarray(spans, float)
    if workers <= 0:
        raise ValueError("there must be workers")
    return max(float(given.max(initial=0.0)), float(given.sum()) / workers)
