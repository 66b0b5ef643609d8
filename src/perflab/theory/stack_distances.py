"""The hits of LRU at every size in one pass.

Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for storage hierarchies", 1970. The stack distance of a request is the
number of different keys since the last one for its key, itself included. LRU of C places holds the C keys read last, so a
request hits exactly where its distance is at most C. Arrays have shape (requests,).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

NEVER = np.iinfo(np.int32).max
"""The distance of the first request for a key."""


def stack_distances(keys: ArrayLike) -> NDArray[np.int32]:
    """Of each request. With p its predecessor's place (that of the last request for its key), the keys read in between are as
    many as requests after p whose own predecessor is before p: (requests before it with an earlier predecessor) − (p + 1).
    """
    before = last_uses(keys)
    distances = np.full(before.size, NEVER, np.int32)
    again = before >= 0
    distances[again] = smaller_before(before)[again] - before[again]
    return distances


def last_uses(keys: ArrayLike) -> NDArray[np.int64]:
    """The place of the request before for the same key; −1 for the first one."""
    order = np.argsort(keys, kind="stable")
    ordered = np.asarray(keys)[order]
    found = np.full(order.size, -1)
    same = ordered[1:] == ordered[:-1]
    found[order[1:][same]] = order[:-1][same]
    return found


def smaller_before(values: NDArray[np.int64]) -> NDArray[np.int32]:
    """For each value how many before it are smaller. Of equal ones the first counts as smaller.

    By ranks, bit by bit: in a block of ranks that agree in all higher bits, those before with a 0 here are smaller than a 1.
    """
    bits = max(1, int(values.size - 1).bit_length())
    ranks = np.arange(1 << bits, dtype=np.int32)
    ranks[np.argsort(values, kind="stable")] = np.arange(values.size, dtype=np.int32)
    places, found = np.arange(1 << bits, dtype=np.int32), np.zeros(1 << bits, np.int32)
    number = np.arange(1 << bits - 1, dtype=np.int32)
    for bit in range(bits - 1, -1, -1):
        is_one = ranks & 1 << bit != 0
        zeros, ones = np.flatnonzero(~is_one).astype(np.int32), np.flatnonzero(is_one).astype(np.int32)
        # Each block has as many zeros as ones, so that of ones it is known how many stand in earlier blocks.
        found[places[ones]] += ones - number - (number & -1 << bit)
        order = np.stack([zeros.reshape(-1, 1 << bit), ones.reshape(-1, 1 << bit)], axis=1).ravel()
        ranks, places = ranks[order], places[order]
    return found[: values.size]


def lru_hits(distances: NDArray[np.int32], sizes: ArrayLike) -> NDArray[np.int64]:
    """How many of these requests hit in an LRU cache of each size. Same shape as `sizes`."""
    return np.searchsorted(np.sort(distances), np.asarray(sizes), "right")


class Sample(NamedTuple):
    """What a part of the keys says of LRU at some sizes: hits at each, of so many reads; so many were to be expected."""

    hits: NDArray[np.int64]
    reads: int
    expected: float

    @property
    def raw(self) -> NDArray[np.float64]:
        """Miss ratio at each size; NaN where the part is empty."""
        return 1 - self.hits / self.reads if self.reads else np.full(self.hits.shape, np.nan)

    @property
    def corrected(self) -> NDArray[np.float64]:
        """The same where reads that are missing, or too many, count as hits at every size (SHARDS-adj)."""
        return (self.reads - self.hits) / self.expected


def sampled(keys: ArrayLike, share: float, sizes: ArrayLike, seed: int = 0, since: int = 0) -> Sample:
    """LRU from about this share of the keys, as a hash chooses them: distances among them are `share` times the true ones on
    average (SHARDS: Waldspurger and others, FAST 2015). Requests before `since` fill the cache, and are not counted.
    """
    read = np.asarray(keys)
    chosen = (np.random.default_rng(seed).random(int(read.max(initial=0)) + 1) < share)[read]
    counted = stack_distances(read[chosen])[np.count_nonzero(chosen[:since]) :]
    return Sample(lru_hits(counted, share * np.asarray(sizes)), counted.size, share * (read.size - since))
