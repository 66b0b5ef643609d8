"""Throughput counted from the moments at which requests were done. Times in s, rates per s.

`done` has shape (requests,), in rising order; `moments` are when the count is read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def overall(done: ArrayLike, moments: ArrayLike) -> NDArray[np.float64]:
    """Requests done so far, divided by the time up to the last of them; 0 before the first."""
    ends, at = np.asarray(done, float), np.asarray(moments, float)
    seen = np.searchsorted(ends, at, side="right")
    until = np.where(seen > 0, ends[np.maximum(seen, 1) - 1] if ends.size else 1.0, 1.0)
    return np.where(seen > 0, seen / np.maximum(until, 1e-9), 0.0)


def windowed(done: ArrayLike, moments: ArrayLike, window: float) -> NDArray[np.float64]:
    """Requests done in the `window` before each moment, divided by it, or by what has passed of it since the beginning."""
    if window <= 0:
        raise ValueError("a window has a length")
    ends, at = np.asarray(done, float), np.asarray(moments, float)
    seen = np.searchsorted(ends, at, side="right") - np.searchsorted(ends, at - window, side="right")
    return seen / np.maximum(np.minimum(window, at), 1e-9) * (at > 0)


def smoothed(done: ArrayLike, moments: ArrayLike, time_constant: float) -> NDArray[np.float64]:
    """Exponentially weighted: a request counts 1/τ when it is done and fades with e^(−t/τ).

    Divided by 1 − e^(−t/τ), the weight that has passed since the beginning, which would pull it towards 0.
    """
    if time_constant <= 0:
        raise ValueError("a time constant is above 0")
    ends, at = np.asarray(done, float), np.asarray(moments, float)
    ages = at[:, None] - ends[None, :]
    weights = np.where(ages >= 0, np.exp(-np.maximum(ages, 0) / time_constant), 0.0).sum(axis=1)
    return weights / np.maximum(time_constant * -np.expm1(-at / time_constant), 1e-9) * (at > 0)
