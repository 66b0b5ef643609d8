"""Throughput counted from the moments at which requests were done. Times in s, rates per s.

`done` has shape (requests,), in rising order; `moments` are when the count is read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def overall(done: ArrayLike, arrived: ArrayLike, moments: ArrayLike, failed: ArrayLike = ()) -> NDArray[np.float64]:
    """Requests done so far, divided by the time up to when nothing was outstanding: up to the moment itself while a request
    that has `arrived` is neither done nor `failed`, else up to the last that was. 0 before the first is done.
    """
    ends, at = np.asarray(done, float), np.asarray(moments, float)
    gone = np.sort(np.concatenate([ends, np.asarray(failed, float)]))
    seen, left = (np.searchsorted(each, at, side="right") for each in (ends, gone))
    outstanding = np.searchsorted(np.sort(np.asarray(arrived, float)), at, side="right") > left
    return _per_s(seen, np.where(outstanding, at, _last(gone, left)))


def until_last(done: ArrayLike, moments: ArrayLike) -> NDArray[np.float64]:
    """Requests done so far, divided by the time of the last: a server that hangs keeps its rate. 0 before the first."""
    ends = np.asarray(done, float)
    seen = np.searchsorted(ends, np.asarray(moments, float), side="right")
    return _per_s(seen, _last(ends, seen))


def windowed(done: ArrayLike, moments: ArrayLike, window: float) -> NDArray[np.float64]:
    """Requests done in the `window` before each moment, divided by it, or by what has passed of it since the beginning."""
    if not window > 0:
        raise ValueError("a window has a length")
    ends, at = np.asarray(done, float), np.asarray(moments, float)
    seen = np.searchsorted(ends, at, side="right") - np.searchsorted(ends, at - window, side="right")
    return seen / np.maximum(np.minimum(window, at), 1e-9) * (at > 0)


def _last(ends: NDArray[np.float64], seen: NDArray[Any]) -> NDArray[np.float64]:
    return ends[np.maximum(seen, 1) - 1] if ends.size else np.ones(seen.shape)


def _per_s(number: NDArray[Any], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(number > 0, number / np.maximum(seconds, 1e-9), 0.0)
