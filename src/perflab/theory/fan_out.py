"""A page that needs several calls is as slow as the slowest of them; and what a second copy of a late call changes.

Calls are independent and alike, given by their tail P(T > t): a function of times (any unit) that is 1 below 0. A copy that is
sent when a call has no answer after d, to another server, is a *hedge*; the first answer counts. Dean and Barroso, "The tail at
scale" (2013).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Tail = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def slow_pages(slow_calls: ArrayLike, calls: ArrayLike) -> NDArray[np.float64]:
    """Share of pages with at least one slow call: 1 − (1 − p)ⁿ, from the share p of slow calls."""
    shares, numbers = np.asarray(slow_calls, float), np.asarray(calls, float)
    if not (np.all((shares >= 0) & (shares <= 1)) and np.all(numbers >= 1)):
        raise ValueError("a share of slow calls lies from 0 to 1, and a page makes at least one call")
    with np.errstate(divide="ignore"):  # p = 1: no page without a slow call
        return np.asarray(-np.expm1(numbers * np.log1p(-shares)))


def kinds_tail(times: Sequence[float], shares: Sequence[float]) -> Tail:
    """The tail of calls of several kinds, each of which takes exactly one of `times`, with these shares (which add up to 1)."""
    order = np.argsort(times)
    ends, left = np.asarray(times, float)[order], 1 - np.cumsum(np.asarray(shares, float)[order])
    if not (ends.size and ends[0] > 0 and min(shares) >= 0 and abs(left[-1]) < 1e-9):
        raise ValueError("each kind takes some time, and the shares add up to 1")
    after = np.concatenate([[1.0], left[:-1], [0.0]])
    return lambda moments: after[np.searchsorted(ends, moments, side="right")]


def hedged(tail: Tail, after: float) -> Tail:
    """The tail of calls that are hedged `after` some time: P(T > t) · P(T > t − d), since either copy may answer first."""
    return lambda moments: tail(moments) * tail(moments - after)


def is_unstable(utilisation: float, copies: float = 2.0) -> bool:
    """Whether a backlog never drains where all calls wait longer than the hedge's delay, so that each is done `copies` times:
    iff copies · ρ > 1, with the utilisation ρ by calls alone. Below that a backlog drains, more slowly.
    """
    return copies * utilisation > 1
