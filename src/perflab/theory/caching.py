"""What a cache and its way of writing should do: hits, mean times, rows per commit, and what a killed process loses.

Popularities have shape (keys,) and add up to 1. Reads and writes per request of each key are `reads` = (1 − w)·p and
`writes` = w·p; a time to live is counted in requests. Requests choose keys independently of one another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


def rows_per_commit(popularity: ArrayLike, writes: ArrayLike) -> Numbers:
    """How many different keys so many writes touch on average: Σ(1 − (1 − pᵢ)ⁿ), each key on its own; shape of `writes`.

    Coalescing: of several writes of a key a commit holds the last one only.
    """
    p, n = np.asarray(popularity, float), np.asarray(writes, float)
    return np.asarray(-np.expm1(n[..., None] * np.log1p(-np.minimum(p, 1 - 1e-15))).sum(axis=-1))


def writes_until(popularity: ArrayLike, rows: float) -> float:
    """How many writes it takes on average to touch so many different keys, the inverse of `rows_per_commit`; infinite where there
    are not as many keys.
    """
    if rows >= np.count_nonzero(np.asarray(popularity)):
        return float("inf")
    low, high = 0.0, max(1.0, rows)
    while rows_per_commit(popularity, high) < rows:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rows_per_commit(popularity, middle) < rows else (low, middle)
    return high


def hits_where_writes_delete(reads: ArrayLike, writes: ArrayLike, ttl: float) -> Numbers:
    """Share of reads of each key that hit, where a write deletes the entry.

    An entry that was filled is valid for D = (1 − e^(−uT))/u on average, until a write (rate u) or the end of its time T; then
    the next read (rate r) misses: h = rD/(1 + rD), a renewal argument as in `theory.ttl`.
    """
    r, u = np.asarray(reads, float), np.asarray(writes, float)
    return _share(_until_event(u, ttl), r)


def hits_where_writes_fill(reads: ArrayLike, writes: ArrayLike, ttl: float) -> Numbers:
    """Share of reads of each key that hit, where a write puts the new value in the cache.

    An entry is valid until a time T without a write has passed: (e^(uT) − 1)/u on average, the wait for a gap of that length in
    a Poisson process; then it is missing until the next read or write: 1/(r + u).
    """
    r, u = np.asarray(reads, float), np.asarray(writes, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        valid = np.where(u > 0, np.expm1(np.minimum(u * ttl, 700)) / u, ttl)
    return _share(valid, r + u)


def hits_where_reads_refresh(reads: ArrayLike, writes: ArrayLike, ttl: float, ahead: float) -> Numbers:
    """Share of reads of each key that hit, where a write deletes the entry, and a read of an entry older than (1 − ahead)·T
    has it filled anew beside it.

    One filling lasts until a write, such a read, or T; the entry goes on with the next filling with the probability that the read
    comes first, so the time for which it is valid is a geometric sum.
    """
    r, u = np.asarray(reads, float), np.asarray(writes, float)
    young, old = (1 - ahead) * ttl, ahead * ttl
    reaches = np.exp(-u * young)
    one = _until_event(u, young) + reaches * _until_event(r + u, old)
    with np.errstate(divide="ignore", invalid="ignore"):
        again = np.where(r > 0, reaches * r / (r + u) * -np.expm1(-(r + u) * old), 0.0)
    return _share(one / (1 - again), r)


def mean_read(hit_ratio: float, cache: float, store: float, fill: float) -> float:
    """Mean time of a read, whatever the strategy: h·T_c + (1 − h)·(T_c + T_d + T_fill)."""
    return cache + (1 - hit_ratio) * (store + fill)


def break_even(cache: float, store: float, fill: float) -> float:
    """The hit ratio from which on reads through a cache take less than reads of the store alone: (T_c + T_fill)/(T_d + T_fill).

    There h·T_c + (1 − h)·(T_c + T_d + T_fill) = T_d. Above 1, no hit ratio is enough: a hit alone takes longer than the store.
    """
    return (cache + fill) / (store + fill)


def mean_write_behind(cache: float, flush: float, writes: float, filling: float) -> float:
    """Mean time of a write into a buffer that holds `writes` of them, takes `filling` to fill and `flush` to be written.

    T_c while the buffer has room; otherwise the writers wait for the drain: `writes` per `flush` in the long run.
    """
    return cache + (max(0.0, flush - filling) / writes if np.isfinite(writes) else 0.0)


def lost_writes(rate: float, flush: float, commit: float, kept: float) -> tuple[float, float]:
    """The fewest and the most acknowledged writes that are lost with a process killed at a random moment; all numbers between
    are equally likely.

    Writes are gathered for the time `flush`, then a commit takes `commit`, and so on. What a commit holds is safe from the kill
    of the process a time `kept` after its begin. So the oldest write that is not safe is between kept and flush + commit + kept
    old: on average rate · (flush/2 + commit/2 + kept) are lost.
    """
    return rate * kept, rate * (flush + commit + kept)


def overtaken(writes_per_s: float, fill_s: float) -> float:
    """Share of fills, of that length, during which a write of the same key commits: 1 − e^(−wR)."""
    return float(-np.expm1(-writes_per_s * fill_s))


def overtaken_at_random(writes_per_s: float, mean_fill_s: float) -> float:
    """As `overtaken`, for fills whose lengths are exponential: wR/(1 + wR), the mean of 1 − e^(−wR) over such lengths."""
    return writes_per_s * mean_fill_s / (1 + writes_per_s * mean_fill_s)


def _until_event(rate: Numbers, end: float) -> Numbers:
    """Mean time until the first event of a Poisson process, or `end` where that is earlier."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rate > 0, -np.expm1(-rate * end) / rate, end)


def _share(valid: Numbers, filled_at_rate: Numbers) -> Numbers:
    """Share of time in which an entry is there, that stays for `valid` and is missing until the next fill."""
    return np.asarray(valid * filled_at_rate / (1 + valid * filled_at_rate))
