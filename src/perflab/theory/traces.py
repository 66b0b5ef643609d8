"""Traces: which key each request reads. Arrays of shape (requests,), keys from 0 on, the most popular first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.theory.ttl import zipf

Trace = NDArray[np.int64]
KEYS, LOOP, SCAN, AFTER, QUARTERS = 10_000, 1_250, 2_000, 5_000, 4
"""Popular keys; keys of the loop; new keys of a scan; requests between two scans; parts of the trace with other popular keys."""
MIXED = (0.6, 0.3, 0.1)
"""Shares of popular keys, of the loop, and of new keys."""


def popular(requests: int, skew: float, generator: np.random.Generator, keys: int = KEYS) -> Trace:
    """Each request draws its key by Zipf's law, independently of all others."""
    shares = np.cumsum(zipf(keys, skew))
    return np.minimum(np.searchsorted(shares, generator.random(requests), "right"), keys - 1)


def with_scans(trace: Trace) -> Trace:
    """After each `AFTER` of these requests `SCAN` keys are read that were never read before; as long as the trace."""
    at = np.arange(trace.size)
    rounds, place = np.divmod(at, AFTER + SCAN)
    new = KEYS + rounds * SCAN + place - AFTER
    return np.where(place < AFTER, trace[np.minimum(rounds * AFTER + place, trace.size - 1)], new)


def loop(requests: int, length: int = LOOP) -> Trace:
    """`length` keys one after another, again and again."""
    return np.arange(requests) % length


def shifting(trace: Trace) -> Trace:
    """In each quarter of the trace other keys are popular: each rank belongs to the key a quarter of all keys further on."""
    quarter = QUARTERS * np.arange(trace.size) // trace.size
    return (trace + KEYS // QUARTERS * quarter) % KEYS


def mixed(trace: Trace, generator: np.random.Generator) -> Trace:
    """At random a request of the trace, the next key of a loop, or a new key, in the shares `MIXED`."""
    kind = generator.choice(3, trace.size, p=MIXED)
    numbers = [np.cumsum(kind == each) - 1 for each in range(3)]
    return np.choose(kind, [trace[numbers[0]], KEYS + numbers[1] % LOOP, KEYS + LOOP + numbers[2]])
