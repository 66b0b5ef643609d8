"""Eviction policies: which key leaves a full cache.

A policy is a generator `policy(keys, capacity)`. For each key in turn it yields `HIT`, or what leaves to make room: a key,
`NOTHING` while there is room, or the new key itself where it is not let in. Keys are whole numbers from 0 on. Except for
Belady's, a policy takes a key only when it is asked for the next answer, so that a real cache can follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

HIT, NOTHING = -1, -2
Policy = Callable[[Sequence[int], int], Iterator[int]]


def hits(policy: Policy, keys: Sequence[int], capacity: int) -> bytearray:
    """For each key 1 where it hits, else 0."""
    return bytearray(decisions(policy, keys, capacity) == HIT)


def decisions(policy: Policy, keys: Sequence[int], capacity: int) -> NDArray[np.int64]:
    """What the policy yields for each key."""
    return np.fromiter(policy(keys, capacity), np.int64, len(keys))
