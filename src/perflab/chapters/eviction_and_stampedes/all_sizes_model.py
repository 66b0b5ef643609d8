"""One pass over a trace: LRU's misses at every size, how wrong they are from a sample of the keys, and how long it all takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import numpy as np

from perflab.chapters.eviction_and_stampedes import policy_runs as runs
from perflab.chapters.eviction_and_stampedes.policy_runs import (
    BELADY,
    FIFO,
    LARGEST,
    LRU,
    POLICIES,
    SIZES,
    STRING,
    WARM_UP,
    ZIPF,
    Floats,
)
from perflab.chapters.eviction_and_stampedes.what_to_evict_model import curves
from perflab.lab import Record
from perflab.measure import Frame, count
from perflab.theory import che
from perflab.theory.eviction import decisions, hits
from perflab.theory.stack_distances import lru_hits, stack_distances
from perflab.theory.traces import KEYS
from perflab.theory.ttl import zipf

COMPARED = (FIFO, LRU, "CLOCK", "SIEVE", "random")
TRACES = (*runs.TRACES, BELADY)
RAW, CORRECTED = "raw", "corrected"
SKEW, PASSES, HASHES, SPREADS, FEWEST = 1.0, 3, 8, 2.0, 10
"""The last two: standard deviations on each side of the model's band; places in a sample whose error is judged."""
NUMBERS = np.geomspace(1, LARGEST, 60)
"""Of sizes that one may want to know."""


def keys_of(trace: str, seed: int) -> tuple[Any, int]:
    """The keys of a run, and how many of them are not counted."""
    return (np.array(STRING), 0) if trace == BELADY else (runs.keys_of(trace, SKEW, seed), WARM_UP)


def sizes_of(trace: str) -> list[int]:
    """At which the chosen policy runs."""
    return list(range(1, 7)) if trace == BELADY else [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, LARGEST]


@dataclass(frozen=True)
class Expected:
    """At `SIZES`: LRU's miss ratio, and the band in which most samples lie (NaN where it is not known). Sizes and miss ratios of
    the chosen policy where they are known. Times (ns) of the pass, and of `NUMBERS` single runs.
    """

    lru: Floats
    low: Floats
    high: Floats
    policy: tuple[Floats, Floats]
    pass_ns: float
    runs_ns: Floats


def calibrate() -> Iterator[Frame]:
    """How long a policy takes for a read here, and the one pass."""
    keys = runs.keys_of(ZIPF, SKEW, 1)
    listed = keys.tolist()
    yield Frame(facts={"pass_ns": min(took_ns(lambda: stack_distances(keys)) for _ in range(3))})
    for name in COMPARED:
        found = [took_ns(lambda: decisions(POLICIES[name], listed, 1_000)) for _ in range(3)]  # noqa: B023
        yield Frame(facts={f"{name}_ns": min(found)})


def took_ns(call: Any) -> int:
    """How long one call takes."""
    started_ns = perf_counter_ns()
    call()
    return perf_counter_ns() - started_ns


def predict(
    trace: str, policy: str, sample: float, estimate: str, constants: Mapping[str, Any] | None = None
) -> Expected:
    """By Che; the string of Belady as it is."""
    known = constants or {}
    pass_ns, run_ns = (float(known.get(name, np.nan)) for name in ("pass_ns", f"{policy}_ns"))
    if trace == BELADY:
        distances = stack_distances(STRING)
        of_lru = 1 - lru_hits(distances, SIZES) / len(STRING)
        sizes = np.array(sizes_of(BELADY))
        chosen = np.array([1 - sum(hits(POLICIES[policy], STRING, size)) / len(STRING) for size in sizes])
        low = high = np.full(SIZES.size, np.nan)
        pass_ns = run_ns = np.nan  # a dozen reads take what a call takes
    else:
        of_lru, of_fifo = curves(trace, SKEW)
        low, high = band(of_lru, sample / 100, estimate) if trace == ZIPF else (np.full(SIZES.size, np.nan),) * 2
        is_known = policy in (FIFO, "random") and trace == ZIPF
        sizes, chosen = (SIZES, of_fifo) if is_known else (SIZES[:0], of_fifo[:0])
    return Expected(of_lru, low, high, (sizes.astype(float), chosen), pass_ns, NUMBERS * run_ns)


def band(curve: Floats, share: float, estimate: str) -> tuple[Floats, Floats]:
    """Where most estimates from a share R of the keys lie, NaN at sizes of which the sample has no place.

    Each key is in (X = 1) with probability R. Let p be a key's share of reads and m its miss ratio. In first order the raw
    estimate Σ X p m / Σ X p is off by Σ (X − R) p (m − M) / R, the corrected one, Σ X p m / R, by Σ (X − R) p m / R. Both are
    read where the sample holds R · C keys; with h a key's probability to be held this adds Σ (X − R) h / R times −dM/dC.
    """
    popularity = zipf(KEYS, SKEW)
    probability, keys = che.grouped(popularity)
    held = 1 - np.exp(-probability * che.spans(popularity)[:, None])
    misses = 1 - held
    sizes, mean = held @ keys, misses @ (keys * probability)
    off = probability * (misses - (mean[:, None] if estimate == RAW else 0.0))
    off -= np.gradient(mean, sizes)[:, None] * held
    deviation = SPREADS * np.sqrt((1 - share) / share * (off**2 @ keys))
    wide = np.where(SIZES * share >= 1, np.interp(SIZES, sizes, deviation), np.nan)
    return np.clip(curve - wide, 0, 1), np.clip(curve + wide, 0, 1)


def one_pass_ns(record: Record) -> float:
    """The median time of the one pass; NaN before any."""
    times = record.column("pass_ns")
    return float(np.median(times)) if times.size else np.nan


def one_run_ns(record: Record) -> float:
    """The mean time of a run at one size; NaN before any."""
    times = record.column("took_ns")
    return float(times.mean()) if times.size else np.nan


def misses_of(record: Record) -> tuple[list[int], list[int]]:
    """The sizes at which the chosen policy has run, in order, and its misses."""
    order = np.argsort(record.column("size"), kind="stable")
    return record.column("size")[order].astype(int).tolist(), record.column("misses")[order].astype(int).tolist()


def anomaly(record: Record) -> tuple[int, int, int, int] | None:
    """Two sizes in Belady's string of which the larger has more misses: size, misses, size, misses; None without such a pair."""
    if record.parameters["trace"] != BELADY:
        return None
    pairs = pairwise(zip(*misses_of(record), strict=True))
    return next(((*less, *more) for less, more in pairs if more[1] > less[1]), None)


def samples_of(record: Record) -> tuple[Floats, Floats]:
    """Data of a `Line`: an estimate for each hash, of the chosen kind, where the sample has a place; none of a dozen reads."""
    found = record.column(record.parameters["estimate"]).reshape(-1, SIZES.size)
    if record.parameters["trace"] == BELADY:
        return np.empty(0), np.empty(0)
    known = SIZES * record.parameters["sample"] >= 100
    curves = np.where(known, found, np.nan)
    gap = np.full((len(found), 1), np.nan)
    return np.append(np.tile(SIZES, (len(found), 1)), gap, 1).ravel(), np.append(curves, gap, 1).ravel()


def error(record: Record, estimate: str) -> float:
    """How far the estimates are from the one pass on average, over samples and sizes of which they have ten places; NaN
    before any, where a sample is empty, and of a dozen reads.
    """
    found, exact = record.column(estimate).reshape(-1, SIZES.size), runs.lru_curve(record)[1]
    if not len(found) or not exact.size or record.parameters["trace"] == BELADY:
        return np.nan
    known = SIZES * record.parameters["sample"] >= 100 * FEWEST
    return float(np.abs(found - exact)[:, known].mean())


def points(difference: float) -> str:
    """A difference of two shares."""
    return f"{100 * difference:.1f} points"


def errors_text(record: Record) -> str:
    """The errors of both estimates; empty where there are none."""
    found = [error(record, each) for each in (RAW, CORRECTED)]
    return "; ".join(map(points, found)) if np.isfinite(found).all() else ""


def both_ways(record: Record) -> str:
    """Where the chosen policy is LRU: misses by one pass and by single runs, over all sizes that ran; else nothing to compare."""
    if record.parameters["policy"] != LRU:
        return ""
    sizes, misses = misses_of(record)
    by_pass = dict(zip(SIZES.tolist(), record.column("lru_misses").tolist(), strict=False))
    both = [(by_pass[size], number) for size, number in zip(sizes, misses, strict=True) if size in by_pass]
    return f"{count(sum(a for a, _ in both))}; {count(sum(b for _, b in both))} at {len(both)} sizes"


def reads_text(record: Record) -> str:
    """How many counted reads the samples have."""
    number = record.column("sampled")
    return f"{count(number.min())} to {count(number.max())} of {count(runs.counted(record))}" if number.size else ""
