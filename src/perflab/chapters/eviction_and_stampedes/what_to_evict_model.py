"""Miss ratios of the very traces that are run: LRU for each of them, FIFO and random where keys are drawn independently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.eviction_and_stampedes.policy_runs import (
    CLOCK,
    FIFO,
    IN_LOOP,
    LFU,
    LRU,
    MIXTURE,
    OPTIMUM,
    RANDOM,
    REQUESTS,
    SCANS,
    SHIFTS,
    SIZES,
    WARM_UP,
    ZIPF,
)
from perflab.theory import che
from perflab.theory.traces import AFTER, KEYS, LOOP, MIXED, QUARTERS, SCAN
from perflab.theory.ttl import zipf

Floats = NDArray[np.float64]
Window = Callable[[float, Floats], tuple[Floats, Floats]]
"""From a moment (requests so far) and lengths: different keys among so many latest requests, and the probability that the next
request's key is one of them.
"""

HELPLESS_IN_A_LOOP = (LRU, FIFO, CLOCK, LFU, "SIEVE", "ARC")
"""Without a single hit they all evict the key that was read longest ago."""
LENGTHS = np.unique([*np.geomspace(1, REQUESTS, 100), *(LOOP / MIXED[1] * np.linspace(0.92, 1.08, 17))])
MOMENTS = {SCANS: 96}


@dataclass(frozen=True)
class Expected:
    """Miss ratios of LRU and of FIFO and random at `SIZES` (NaN where none is known), and those of policies at the capacity."""

    lru: Floats
    fifo: Floats
    at_capacity: dict[str, float]


def predict(capacity: int, skew: float, trace: str, policy: str) -> Expected:
    """By Che's approximation; in a loop exactly, and random by its fixed point."""
    of_lru, of_fifo = curves(trace, skew)
    if trace == IN_LOOP:
        known = {name: float(capacity < LOOP) for name in HELPLESS_IN_A_LOOP}
        known[RANDOM] = 1 - che.random_in_a_loop(capacity, LOOP)
        known[OPTIMUM] = 1 - che.optimum_in_a_loop(capacity, LOOP)
    else:
        at = {LRU: of_lru, FIFO: of_fifo, RANDOM: of_fifo}
        found = {name: float(np.interp(capacity, SIZES, curve)) for name, curve in at.items()}
        known = {name: ratio for name, ratio in found.items() if np.isfinite(ratio)}
    return Expected(of_lru, of_fifo, known)


@lru_cache(maxsize=64)
def curves(trace: str, skew: float) -> tuple[Floats, Floats]:
    """Of LRU, and of FIFO and random: miss ratios at `SIZES`, counted as a run counts them."""
    unknown = np.full(SIZES.size, np.nan)
    if trace == IN_LOOP:
        return (SIZES < LOOP).astype(float), unknown
    return lru_curve(trace, skew), fifo_curve(skew) if trace == ZIPF else unknown


def moments(number: int) -> Floats:
    """So many moments of the counted part, evenly spread."""
    return WARM_UP + (np.arange(number) + 0.5) / number * (REQUESTS - WARM_UP)


def lru_curve(trace: str, skew: float) -> Floats:
    """At each moment the cache holds the keys of so many latest requests as there are places: the next one hits if it is one."""
    window = {ZIPF: of_zipf, SCANS: of_scans, SHIFTS: of_shifts, MIXTURE: of_mixture}[trace](skew)
    at = moments(MOMENTS.get(trace, 12))
    return 1 - np.mean([np.interp(SIZES, *window(now, np.minimum(LENGTHS, now))) for now in at], axis=0)


def of_zipf(skew: float) -> Window:
    share, keys = che.grouped(zipf(KEYS, skew))
    read = 1 - np.exp(-share * np.append(0, LENGTHS)[:, None])
    held, hit = read @ keys, read @ (keys * share)
    return lambda now, lengths: tuple(np.interp(lengths, np.append(0, LENGTHS), each) for each in (held, hit))  # type: ignore[return-value]


def of_scans(skew: float) -> Window:
    """Scanned keys are held, too, and never hit."""
    popular = of_zipf(skew)

    def scanned(until: Floats | float) -> Floats:
        rounds, place = np.divmod(until, AFTER + SCAN)
        return np.asarray(rounds * SCAN + np.maximum(0, place - AFTER))

    def window(now: float, lengths: Floats) -> tuple[Floats, Floats]:
        new = scanned(now) - scanned(now - lengths)
        held, hit = popular(now, lengths - new)
        return held + new, hit * (now % (AFTER + SCAN) < AFTER)

    return window


def of_mixture(skew: float) -> Window:
    """The loop hits once all of it is held: where so many of the requests were for it, whose number scatters (binomial)."""
    popular = of_zipf(skew)
    of_popular, of_loop, of_new = MIXED

    def window(now: float, lengths: Floats) -> tuple[Floats, Floats]:
        held, hit = popular(now, of_popular * lengths)
        beyond = (of_loop * lengths - LOOP) / np.sqrt(of_loop * (1 - of_loop) * lengths)
        all_held = 1 / (1 + np.exp(-np.clip(1.702 * beyond, -50, 50)))  # the normal distribution, nearly
        in_loop = np.minimum(LOOP, of_loop * lengths)
        return held + in_loop + of_new * lengths, of_popular * hit + of_loop * all_held

    return window


def of_shifts(skew: float) -> Window:
    """A key has another popularity in each quarter of the trace; groups of keys have about the same in each."""
    popularity = zipf(KEYS, skew)
    begins = np.unique(np.geomspace(1, KEYS, 30).astype(int)) - 1
    turned = [KEYS // QUARTERS * quarter for quarter in range(QUARTERS)]
    groups = np.unique([(begins + turn) % KEYS for turn in turned])
    keys = np.diff(groups, append=KEYS).astype(float)
    share = np.array([np.add.reduceat(np.roll(popularity, turn), groups) / keys for turn in turned])
    ends = REQUESTS / QUARTERS * np.arange(1, QUARTERS + 1)

    def window(now: float, lengths: Floats) -> tuple[Floats, Floats]:
        first, last = np.maximum.outer(now - lengths, ends - REQUESTS / QUARTERS), np.minimum(now, ends)
        read = 1 - np.exp(-np.maximum(0, last - first) @ share)
        return read @ keys, read @ (keys * share[int(now * QUARTERS // REQUESTS)])

    return window


def fifo_curve(skew: float) -> Floats:
    """A key that was never read before misses, however long keys stay."""
    share, keys = che.grouped(zipf(KEYS, skew))
    ever = np.mean([1 - np.exp(-share * now) for now in moments(12)], axis=0)
    times = share * np.geomspace(0.5, 1e8, 140)[:, None]
    held = np.minimum(times / (1 + times), ever)
    return 1 - np.interp(SIZES, held @ keys, held @ (keys * share))


def sizes_to_run(capacity: int) -> Iterator[int]:
    """Sizes at which the chosen policy runs besides the capacity, from the middle of the chart outwards."""
    yield from (size for size in (1_000, 300, 3_000, 100, 30, 10, 10_000) if size != capacity)
