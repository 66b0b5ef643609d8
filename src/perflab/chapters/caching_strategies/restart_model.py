"""A cache that is emptied in mid-run: the very decisions of cache and store, simulated; and when all is well again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.chapters.caching_strategies import cached_load
from perflab.chapters.caching_strategies.cached_load import EXPONENTIAL, Reads, is_from_store
from perflab.lab import Record
from perflab.theory.cached_store import CachedRun

SERVICE_MS, CAPACITY = 5, 200
"""A read of the store, on average, and how many of them it can do per second."""
RUN_S, FLUSH_S, LIMIT_MS, BIN_S = 3.9, 0.8, 100, 0.2
"""Length of a run, when its cache is emptied, what a read may take, and the bins of the time line."""
HELD, SKEW, PLACES, WELL = 0.7, 1.0, 20, 0.95
"""Share of the keys that the cache holds; places of a bounded queue: as many reads as the store does in the limit; and which
share of reads within the limit is well.
"""
NOTHING, SINGLE, BOUNDED, BOTH = "nothing", "single flight", "bounded queue", "both"
CURES: Mapping[str, tuple[bool, bool]] = {
    NOTHING: (False, False),
    SINGLE: (True, False),
    BOUNDED: (False, True),
    BOTH: (True, True),
}
"""Whether there is single flight, and whether the store's queue is bounded."""
SEEDS = (30, 56, 57)
"""Three runs whose mean is near that of 80 with every setting: of so few, others are often half as high again."""
EDGES = np.arange(0, RUN_S - LIMIT_MS / 1e3 + BIN_S / 2, BIN_S)
BINS = (EDGES[:-1] + EDGES[1:]) / 2
TIMES = np.arange(0, RUN_S + 0.01, 0.05)
Floats = NDArray[np.float64]


def asked(load: float, keys: int, seed: int) -> Reads:
    """The reads of a run: `load` is in times what the store can do alone."""
    return cached_load.reads(load * CAPACITY, RUN_S, SKEW, EXPONENTIAL, SERVICE_MS, seed, keys)


def held(keys: int, seed: int) -> tuple[int, ...]:
    """What the cache holds at the start."""
    return cached_load.held(capacity(keys), SKEW, seed, keys)


def capacity(keys: int) -> int:
    """Keys that the cache can hold."""
    return round(HELD * keys)


def stages(keys: int, cure: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the stages `lru` and `queue`."""
    single_flight, is_bounded = CURES[cure]
    return {"capacity": capacity(keys), "single_flight": single_flight}, {"places": PLACES} if is_bounded else {}


def simulated(load: float, keys: int, cure: str, seed: int) -> tuple[Reads, CachedRun]:
    """The reads of such a run, and what becomes of them."""
    reads, (single_flight, is_bounded) = asked(load, keys, seed), CURES[cure]
    places = PLACES if is_bounded else np.inf
    rules: dict[str, Any] = {"places": places, "single_flight": single_flight, "flushed": FLUSH_S}
    return reads, cached_load.simulated(reads, held(keys, seed), capacity(keys), **rules)


@dataclass(frozen=True)
class Expected:
    """Share of the reads due in each of `BINS` that are answered within the limit, and reads without an answer at `TIMES`."""

    good: Floats
    in_flight: Floats


def predict(load: float, keys: int, cure: str) -> Expected:
    """The mean of simulated runs."""
    return _expected(load, keys, cure)


@lru_cache(maxsize=64)
def _expected(load: float, keys: int, cure: str) -> Expected:
    due, good, in_flight = zip(*(_lines(*simulated(load, keys, cure, seed)) for seed in SEEDS), strict=True)
    return Expected(np.sum(good, 0) / np.maximum(1, np.sum(due, 0)), np.mean(in_flight, 0))


def _lines(reads: Reads, run: CachedRun) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """In each of `BINS` the reads due, and of these those in time; reads without an answer at `TIMES`."""
    due_s, answered_s = reads.due_ns / 1e9, run.answered
    in_time = due_s[answered_s - due_s <= LIMIT_MS / 1e3]
    in_flight = _open(due_s, answered_s[np.isfinite(answered_s)], due_s[np.isnan(answered_s)])
    return _counted(due_s), _counted(in_time), in_flight


def _counted(moments_s: ArrayLike) -> NDArray[np.int64]:
    return np.asarray(np.histogram(moments_s, EDGES)[0])


def _open(due_s: Floats, answered_s: Floats, rejected_s: Floats) -> Floats:
    """At `TIMES`: due, and neither answered nor rejected."""
    gone_s = np.sort(np.concatenate([answered_s, rejected_s]))
    return np.asarray(np.searchsorted(np.sort(due_s), TIMES) - np.searchsorted(gone_s, TIMES), float)


def good_s(run: Record) -> Floats:
    """When those reads were due (s) that were answered within the limit."""
    return np.asarray(run.column("arrived_s")[run.column("number")[run.column("latency_ns") <= 1e6 * LIMIT_MS]])


def good_share(run: Record) -> Floats:
    """Of the reads due in each of `BINS`, the share that was answered within the limit; NaN where that is not yet known."""
    is_known = EDGES[1:] + LIMIT_MS / 1e3 <= run.fact("elapsed_s", 0.0) + 0.001
    return np.where(is_known, _counted(good_s(run)) / np.maximum(1, _counted(run.column("arrived_s"))), np.nan)


def in_flight(run: Record) -> Floats:
    """Reads without an answer at `TIMES`; NaN where the run has not come to."""
    due_s = run.column("arrived_s")
    found = _open(due_s, run.column("completed_s"), due_s[run.column("rejected_number")])
    return np.where(run.fact("elapsed_s", 0.0) + 0.001 >= TIMES, found, np.nan)


def most_in_flight(run: Record) -> float:
    """The most reads without an answer at any of `TIMES`."""
    return float(np.nanmax(in_flight(run), initial=0.0))


def well_after_s(good: Floats) -> float:
    """From the flush until the last bin ends in which fewer than `WELL` were answered in time: 0 where there is none, infinite
    where it is the last of all, NaN for a run that was cut short.
    """
    after = good[EDGES[:-1] >= FLUSH_S - BIN_S / 2]
    if np.isnan(after).any():
        return np.nan
    (bad,) = np.nonzero(after < WELL)
    return 0.0 if not bad.size else np.inf if bad[-1] == after.size - 1 else float((bad[-1] + 1) * BIN_S)


def recovery_s(run: Record) -> float:
    """`well_after_s` of a run."""
    return well_after_s(good_share(run))


def setting_said(name: str, run: Record) -> str:
    """One control of a run."""
    texts = {"cure": "with “{}”", "load": "at {:g} × the store", "keys": "with {:,} keys"}
    return texts[name].format(run.parameters[name])


def recovery_text(run: Record) -> str:
    """`recovery_s` in words; empty for a run that was cut short."""
    return _after_text(recovery_s(run))


def _after_text(after_s: float) -> str:
    if np.isnan(after_s):
        return ""
    return f"{after_s:.1f} s" if np.isfinite(after_s) else f"more than {EDGES[-1] - FLUSH_S:.1f} s"


def replay_text(run: Record) -> str:
    """The same reads simulated: how long the store was overloaded, and the most reads in flight; empty before the end."""
    if np.isnan(recovery_s(run)):
        return ""
    due, good, waiting = _lines(*simulated(**run.parameters, seed=run.seed))
    return f"{_after_text(well_after_s(good / np.maximum(1, due)))}; {waiting.max():.0f}"


def not_in_time(run: Record) -> tuple[int, int]:
    """Of the reads after the flush whose fate is known: how many were not answered within the limit, and how many there were."""
    until_s = run.fact("elapsed_s", 0.0) - LIMIT_MS / 1e3

    def number(moments_s: Floats) -> int:
        return int(np.count_nonzero((moments_s >= FLUSH_S) & (moments_s < until_s)))

    due = number(run.column("arrived_s"))
    return due - number(good_s(run)), due


def reads_of_store(run: Record) -> tuple[int, int]:
    """Reads that the store has served since the flush, and of how many keys."""
    since = is_from_store(run) & (run.column("completed_s") >= FLUSH_S)
    return int(since.sum()), int(np.unique(run.column("key")[since]).size)


def hit_ratio_before(run: Record) -> float:
    """Share of the reads before the flush that the cache answered; NaN without any."""
    hits = ~is_from_store(run) & (run.column("completed_s") < FLUSH_S)
    due = np.count_nonzero(run.column("arrived_s") < FLUSH_S)
    return np.count_nonzero(hits) / due if due else np.nan
