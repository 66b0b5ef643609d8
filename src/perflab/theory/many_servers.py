"""First come, first served at several servers: when each customer's service starts."""

from __future__ import annotations

import heapq
import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PART = 8_192
BLOCKS, MAX_LEFT = 2_048, 128
MIN_CUSTOMERS, MAX_SERVERS = 100_000, 16
"""Between these, blocks are quicker than one by one."""


def starts_of_service(times: Floats, work: Floats, servers: int) -> Floats:
    """Of shape (customers,), arrivals in order: the next takes the server that is free first (Kiefer and Wolfowitz 1955)."""
    if times.size < MIN_CUSTOMERS or servers > MAX_SERVERS:
        return one_by_one(times, work, np.full(servers, -math.inf))
    starts, end = in_blocks(times, work, servers)
    rest = slice(starts.size, None)
    return np.concatenate([starts, one_by_one(times[rest], work[rest], end)])


def one_by_one(times: Floats, work: Floats, free: Floats) -> Floats:
    """The same, from the moments `free` on, in which each of the servers becomes free."""
    moments, replace = sorted(free.tolist()), heapq.heapreplace
    starts = np.empty(times.size)
    # In parts whose lists stay in the CPU's cache. `replace` hands out when the first server became free.
    for begin in range(0, times.size, PART):
        part = slice(begin, begin + PART)
        freed = [
            replace(moments, (first if (first := moments[0]) > time else time) + service)
            for time, service in zip(times[part].tolist(), work[part].tolist(), strict=True)
        ]
        np.maximum(freed, times[part], out=starts[part])
    return starts


def in_blocks(times: Floats, work: Floats, servers: int) -> tuple[Floats, Floats]:
    """The same for as many customers as fill `BLOCKS` blocks, and when each server becomes free after them.

    All blocks are gone through side by side, first as if each found idle servers. A queue that has once been empty does not know
    how it began: most blocks end as they would have ended anyway. Those that began otherwise than the one before them ended are
    gone through again, until none is left; then the result is that of `one_by_one`, to the bit. Where queues hardly ever empty,
    too many would be left: there it belongs to none, and the servers are as at the beginning.
    """
    length = times.size // BLOCKS
    came, took = (np.ascontiguousarray(column[: length * BLOCKS].reshape(BLOCKS, length).T) for column in (times, work))
    starts, began = np.empty_like(came), np.full((servers, BLOCKS), -math.inf)
    ended = _side_by_side(came, took, began, starts)
    began[:, 1:] = ended[:, :-1]
    ended = _side_by_side(came, took, began, starts)
    if _begun_otherwise(began, ended).size > MAX_LEFT:
        return np.empty(0), began[:, 0]
    while (again := _begun_otherwise(began, ended)).size:
        began[:, again] = ended[:, again - 1]
        some = np.empty((length, again.size))
        ended[:, again] = _side_by_side(came[:, again], took[:, again], began[:, again], some)
        starts[:, again] = some
    return starts.T.ravel(), ended[:, -1]


def _begun_otherwise(began: Floats, ended: Floats) -> NDArray[np.intp]:
    """The blocks that did not begin as the one before them ended."""
    return 1 + np.flatnonzero((began[:, 1:] != ended[:, :-1]).any(axis=0))


def _side_by_side(came: Floats, took: Floats, began: Floats, starts: Floats) -> Floats:
    """Fill `starts` (customers, blocks), from when servers become free (servers, blocks); when they do so after it."""
    free = list(began.copy())
    for time, service, start in zip(came, took, starts, strict=True):
        np.maximum(free[0], time, out=start)
        done = start + service
        # The moments stay in order: the new one moves up past those that are earlier.
        for number in range(1, len(free)):
            later = np.maximum(done, free[number])
            np.minimum(done, free[number], out=free[number - 1])
            done = later
        free[-1] = done
    # A server that was free before the last one came might as well have become free at that moment.
    return np.maximum(free, came[-1])
