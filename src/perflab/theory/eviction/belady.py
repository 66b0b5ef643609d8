"""The optimum: no policy hits more often, because this one knows what will be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from perflab.theory.eviction import HIT, NOTHING


def belady(keys: Sequence[int], capacity: int) -> Iterator[int]:
    """What is read again last leaves (Belady 1966). It needs all keys beforehand."""
    coming = next_uses(keys).tolist()
    held: dict[int, int] = {}
    latest: list[tuple[int, int]] = []
    for key, comes in zip(keys, coming, strict=True):
        if key in held:
            held[key] = comes
            heappush(latest, (-comes, key))
            yield HIT
            continue
        leaves = NOTHING
        if len(held) == capacity:
            after, leaves = heappop(latest)
            while held.get(leaves) != -after:  # it has been read since, or has left
                after, leaves = heappop(latest)
            del held[leaves]
        held[key] = comes
        heappush(latest, (-comes, key))
        yield leaves


def next_uses(keys: Sequence[int]) -> NDArray[np.int64]:
    """For each request the place of the next one for its key; the number of requests where there is none. Shape (requests,)."""
    order = np.argsort(keys, kind="stable")
    ordered = np.asarray(keys)[order]
    found = np.full(order.size, order.size)
    same = ordered[1:] == ordered[:-1]
    found[order[:-1][same]] = order[1:][same]
    return found
