"""The optimum: no policy hits more often, because this one knows what will be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from perflab.theory.eviction import HIT, NOTHING


def belady(keys: Sequence[int], capacity: int) -> Iterator[int]:
    """What is read again last leaves (Belady 1966). It needs all keys beforehand.

    `latest` has the next use of each key that is held. Uses that have passed stay in it, below all that are still to come.
    """
    never, held = len(keys), set[int]()
    latest: list[int] = []
    useless: list[int] = []
    for key, comes in zip(keys, next_uses(keys).tolist(), strict=True):
        leaves = HIT
        if key not in held:
            leaves = NOTHING
            if len(held) == capacity:
                leaves = useless.pop() if useless else keys[-heappop(latest)]
                held.remove(leaves)
            held.add(key)
        if comes == never:
            useless.append(key)
        else:
            heappush(latest, -comes)
        yield leaves


def next_uses(keys: Sequence[int]) -> NDArray[np.int64]:
    """For each request the place of the next one for its key; the number of requests where there is none. Shape (requests,)."""
    order = np.argsort(keys, kind="stable")
    ordered = np.asarray(keys)[order]
    found = np.full(order.size, order.size)
    same = ordered[1:] == ordered[:-1]
    found[order[:-1][same]] = order[1:][same]
    return found
