"""How often a cache hits, at every size, where each request draws its key independently (Che's approximation).

A key stays in the cache for about T requests, the same T for all keys. LRU: T since its last use, so a request for a key of
popularity p hits with probability 1 − e^(−pT). FIFO and RANDOM: T since it was filled, pT / (1 + pT). The expected number of
keys held is the size C that belongs to this T; so a curve is drawn by T, and no equation is solved (Che, Tung, Wang 2002;
Fricker, Robert, Roberts, "A versatile and accurate approximation for LRU cache performance", 2012).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
GROUPS, STEPS = 80, 140
"""So many groups of about equally popular keys, and values of T, keep the error of 10,000 keys below 0.0004."""


class Curve(NamedTuple):
    """Share of requests that hit, at each of these sizes, both rising. Shape (steps,)."""

    sizes: Floats
    hit_ratio: Floats

    def at(self, sizes: ArrayLike) -> Floats:
        """Hit ratio at these sizes, read between its points; same shape."""
        return np.interp(np.log(np.asarray(sizes, float)), np.log(self.sizes), self.hit_ratio)


def lru(popularity: Floats) -> Curve:
    """The curve of LRU for these keys, which need not be in order. Shape of `popularity`: (keys,), its sum 1."""
    share, keys = grouped(popularity)
    return _curve(1 - np.exp(-share * spans(popularity)[:, None]), share, keys)


def fifo(popularity: Floats) -> Curve:
    """The curve of FIFO, and of RANDOM, which hits as often (Gelenbe 1973)."""
    share, keys = grouped(popularity)
    times = share * spans(popularity)[:, None]
    return _curve(times / (1 + times), share, keys)


def grouped(popularity: Floats, groups: int = GROUPS) -> tuple[Floats, Floats]:
    """Mean popularity and number of keys of at most so many groups, the most popular keys each in a group of its own."""
    ordered = np.sort(popularity)[::-1]
    begins = np.unique(np.geomspace(1, ordered.size + 1, groups + 1).astype(int))[:-1] - 1
    keys = np.diff(begins, append=ordered.size)
    return np.add.reduceat(ordered, begins) / keys, keys.astype(float)


def spans(popularity: Floats, steps: int = STEPS) -> Floats:
    """Values of T (requests) for caches from one key to nearly all of them. Shape (steps,)."""
    return np.geomspace(0.5, 20 / float(popularity.min()), steps)


def random_in_a_loop(size: int, length: int) -> float:
    """RANDOM's hit ratio h in a loop of `length` keys; 1 where all fit. Between two reads of a key there are (1 − h)(L − 1)
    misses, each of which leaves it in place with probability 1 − 1/C: the least solution of h = (1 − 1/C)^((1 − h)(L − 1)).
    """
    if size >= length:
        return 1.0
    found, before = 0.0, -1.0
    while found - before > 1e-9:
        found, before = (1 - 1 / size) ** ((1 - found) * (length - 1)), found
    return found


def optimum_in_a_loop(size: int, length: int) -> float:
    """Belady's hit ratio in a loop of `length` keys: (C − 1) / (L − 1)."""
    return 1.0 if size >= length else (size - 1) / (length - 1)


def _curve(held: Floats, share: Floats, keys: Floats) -> Curve:
    return Curve(held @ keys, held @ (keys * share))
