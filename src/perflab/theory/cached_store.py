"""A cache before a store, request by request: which requests hit, and when each is answered.

A request that hits is answered at once. One that misses reads the store, whose workers serve first come, first served, and fills
the cache when it is served; what was read longest ago makes room (LRU).
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class CachedRun(NamedTuple):
    """When each request was answered (NaN: rejected), and whether by the store itself. Shape (requests,)."""

    answered: Floats
    from_store: NDArray[np.bool_]


def last_read(keys: ArrayLike, capacity: int) -> NDArray[np.int64]:
    """What LRU holds after these reads: the keys read last, the latest at the end."""
    backwards = np.asarray(keys, np.int64)[::-1]
    held, at = np.unique(backwards, return_index=True)
    return np.asarray(held[np.argsort(at)][:capacity][::-1])


def simulate(
    arrivals: ArrayLike,
    keys: ArrayLike,
    services: ArrayLike,
    capacity: int,
    *,
    workers: int = 1,
    places: float = np.inf,
    single_flight: bool = False,
    flushed: float = np.inf,
    held: Iterable[int] = (),
) -> CachedRun:
    """Requests in order of arrival, with the service that each takes if it reads the store; any unit of time.

    At most `places` requests wait for a worker, the others are rejected. `single_flight`: a key that is being read is not read
    again, its requests wait for the first one and share its fate. At `flushed` the cache is emptied. It starts with `held`, the
    key read last at the end.
    """
    times, asked, took = (np.asarray(each).tolist() for each in (arrivals, keys, services))
    cache = dict.fromkeys(held)
    answered, from_store = [np.nan] * len(times), [False] * len(times)
    waiting: deque[int] = deque()
    ends: list[tuple[float, int]] = []
    pending: dict[int, list[int]] = {}
    for number, now in enumerate([*times, np.inf]):
        while ends and ends[0][0] <= now:
            end, done = heapq.heappop(ends)
            key = asked[done]
            if end >= flushed:
                cache, flushed = {}, np.inf
            cache.pop(key, None)
            cache[key] = None
            if len(cache) > capacity:
                del cache[next(iter(cache))]
            from_store[done] = True
            answered[done] = end
            for follower in pending.pop(key, ()):
                answered[follower] = end
            if waiting:
                following = waiting.popleft()
                heapq.heappush(ends, (end + took[following], following))
        if number == len(times):
            break
        if now >= flushed:
            cache, flushed = {}, np.inf
        key = asked[number]
        if key in cache:
            del cache[key]
            cache[key] = None
            answered[number] = now
        elif single_flight and key in pending:
            pending[key].append(number)
        else:
            if len(ends) < workers:
                heapq.heappush(ends, (now + took[number], number))
            elif len(waiting) < places:
                waiting.append(number)
            else:
                continue
            if single_flight:
                pending[key] = []
    return CachedRun(np.array(answered), np.array(from_store))
