"""Policies that run on traces drawn now, and what of it is read from a record. The labs on eviction share them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.eviction_and_stampedes.own_score import YOURS
from perflab.lab import Record
from perflab.measure import Frame, count, duration, merge, number, percent
from perflab.systems.caches.bounded import BoundedCache
from perflab.theory import traces
from perflab.theory.eviction import HIT, Policy
from perflab.theory.eviction.adaptive import arc, s3_fifo, w_tiny_lfu
from perflab.theory.eviction.belady import belady
from perflab.theory.eviction.queues import clock, fifo, lfu, lru, random, sieve

Floats = NDArray[np.float64]
REQUESTS, WARM_UP = 40_000, 20_000
"""Of a trace; the first ones fill the cache, and are not counted."""
COUNTED = REQUESTS - WARM_UP
CHUNK, SLICE_NS = 5_000, 60_000_000
ZIPF, SCANS, SHIFTS, MIXTURE, IN_LOOP = "Zipf", "Zipf and scans", "shifting Zipf", "mixed", "loop of 1,250"
TRACES = (ZIPF, SCANS, SHIFTS, MIXTURE, IN_LOOP)
LRU, FIFO, CLOCK, LFU, RANDOM, OPTIMUM = "LRU", "FIFO", "CLOCK", "LFU", "random", "optimum"
POLICIES: dict[str, Policy] = {
    **{LRU: lru, FIFO: fifo, CLOCK: clock, LFU: lfu, RANDOM: random, "SIEVE": sieve},
    **{"S3-FIFO": s3_fifo, "W-TinyLFU": w_tiny_lfu, "ARC": arc, OPTIMUM: belady},
}
NAMES = (*POLICIES, YOURS)
SMALLEST, LARGEST = 10, 10_000
SIZES = np.unique(
    [*range(1, 11), *np.geomspace(10, LARGEST, 150).astype(int), 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]
)
"""At which the one pass over a trace is read."""
SHARES = {each / 4: f"{25 * each}%" for each in range(5)}
"""Ticks of an axis of shares that leaves room for points at its ends."""
BELADY, STRING = "Belady's 12 reads", (1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5)
"""Belady, Nelson, Shedler, "An anomaly in space-time characteristics of certain programs running in a paging machine", 1969."""


def keys_of(trace: str, skew: float, seed: int) -> traces.Trace:
    """The keys of a run."""
    generator = np.random.default_rng(seed)
    if trace == IN_LOOP:
        return traces.loop(REQUESTS)
    drawn = traces.popular(REQUESTS, skew, generator)
    if trace == MIXTURE:
        return traces.mixed(drawn, generator)
    return drawn if trace == ZIPF else traces.with_scans(drawn) if trace == SCANS else traces.shifting(drawn)


def read(cache: BoundedCache, keys: Sequence[int]) -> Iterator[Frame]:
    """Reads of all keys through a real cache; those after the warm-up are timed."""
    for begin in range(0, REQUESTS, CHUNK):
        hit, took_ns = np.zeros(CHUNK, bool), np.zeros(CHUNK)
        for at, key in enumerate(keys[begin : begin + CHUNK]):
            misses, started_ns = cache.misses, perf_counter_ns()
            cache.get(key)
            took_ns[at] = perf_counter_ns() - started_ns
            hit[at] = cache.misses == misses
        yield Frame({"latency_ns": took_ns, "hit": hit} if begin >= WARM_UP else {}, {"calls": CHUNK})


def run(
    policies: Mapping[str, Policy], name: str, keys: Sequence[int], size: int, warm_up: int = WARM_UP
) -> Iterator[Frame]:
    """What a policy decides about all keys: its misses, and how long that took."""
    deciding, misses, took_ns = policies[name](keys, size), 0, 0
    for begin in range(0, len(keys), CHUNK):
        started_ns = perf_counter_ns()
        leaves = np.fromiter(islice(deciding, CHUNK), np.int64)
        took_ns += perf_counter_ns() - started_ns
        misses += int(np.count_nonzero(leaves != HIT)) if begin >= warm_up else 0
        yield Frame(counts={"calls": leaves.size})
    found = {"policy": NAMES.index(name), "size": size, "misses": misses, "took_ns": took_ns}
    yield Frame({each: np.array([value]) for each, value in found.items()})


def in_slices(frames: Iterator[Frame]) -> Iterator[Frame]:
    """As many frames in each as take about `SLICE_NS`."""
    gathered, began_ns = [], perf_counter_ns()
    for frame in frames:
        gathered.append(frame)
        if perf_counter_ns() - began_ns > SLICE_NS:
            yield merge(gathered)
            gathered, began_ns = [], perf_counter_ns()
    if gathered:
        yield merge(gathered)


def counted(record: Record) -> int:
    """How many reads of a run count: all of a short trace, which has no warm-up."""
    return len(STRING) if record.parameters["trace"] == BELADY else COUNTED


def misses_at(record: Record) -> dict[str, float]:
    """The miss ratio of each policy that has run at the capacity, the chosen one first."""
    at = record.column("size") == record.parameters["capacity"]
    names = [NAMES[number] for number in record.column("policy")[at].astype(int)]
    return dict(zip(names, (record.column("misses")[at] / COUNTED).tolist(), strict=True))


def misses_of_chosen(record: Record) -> float:
    """The miss ratio of the chosen policy at the capacity."""
    return misses_at(record)[record.parameters["policy"]]


def at_capacity(record: Record) -> tuple[list[float], list[float]]:
    """Data of a `Line`: the chosen size and the chosen policy's misses there, once it has run."""
    chosen, found = record.parameters, misses_at(record)
    return ([chosen["capacity"]], [found[chosen["policy"]]]) if chosen["policy"] in found else ([], [])


def decisions_per_s(record: Record) -> dict[str, float]:
    """How many requests per second each policy has decided about, at the capacity."""
    at = record.column("size") == record.parameters["capacity"]
    names = [NAMES[number] for number in record.column("policy")[at].astype(int)]
    return dict(zip(names, (1e9 * REQUESTS / record.column("took_ns")[at]).tolist(), strict=True))


def speeds_said(names: Sequence[str], record: Record) -> list[str]:
    """For each name how many million requests per second it has decided about."""
    per_s = decisions_per_s(record)
    return [f"{number(per_s[name] / 1e6)} M/s" if name in per_s else "" for name in names]


def curve_of(record: Record) -> tuple[Floats, Floats]:
    """The sizes at which the chosen policy has run, and its miss ratios."""
    number, of = NAMES.index(record.parameters["policy"]), counted(record)
    found = {
        int(size): misses / of
        for policy, size, misses in zip(*map(record.column, ("policy", "size", "misses")), strict=True)
        if policy == number
    }
    sizes = sorted(found)
    return np.array(sizes, float), np.array([found[size] for size in sizes])


def rows_of(names: Sequence[str], ratios: Mapping[str, float]) -> tuple[list[float], list[int]]:
    """Data of a `Line`: each ratio in the row of its name."""
    rows = [row for row, name in enumerate(names) if name in ratios]
    return [ratios[names[row]] for row in rows], rows


def lru_curve(run: Record) -> tuple[Floats, Floats]:
    """LRU's miss ratios at all sizes, by one pass."""
    misses = run.column("lru_misses")
    return SIZES[: misses.size].astype(float), misses / counted(run)


def misses_twice(record: Record) -> str:
    """The chosen policy's misses when it only decides, and those of the real cache that follows it."""
    hit = record.column("hit")
    by_policy = misses_of_chosen(record) * COUNTED
    return f"{count(by_policy)}; {count(int(np.count_nonzero(~hit.astype(bool))))} of {count(hit.size)} reads"


def lru_twice(record: Record) -> str:
    """LRU's misses at the capacity by its own run and by stack distances; empty before it has run there."""
    found, sizes = misses_at(record), SIZES.tolist()
    if LRU not in found or record.parameters["capacity"] not in sizes:
        return ""
    by_distances = record.column("lru_misses")[sizes.index(record.parameters["capacity"])]
    return f"{count(found[LRU] * COUNTED)}; {count(by_distances)}"


def others_said(found: Mapping[str, float], name: str) -> str:
    """The best of the other policies that need not know the future, and the optimum."""
    best = min((each for each in found if each not in (name, OPTIMUM)), key=lambda each: found[each], default="")
    named = [each for each in (best, OPTIMUM) if each in found and each != name]
    return ", ".join(f"{'the optimum' if each == OPTIMUM else each} {percent(found[each])}" for each in named)


def times_said(record: Record) -> str:
    """The median time of a hit and of a miss."""
    times, hit = record.column("latency_ns"), record.column("hit").astype(bool)
    parts = {"a hit": times[hit], "a miss": times[~hit]}
    return ", ".join(f"{what} {duration(float(np.median(part)))} (p50)" for what, part in parts.items() if part.size)


def mean_by_parts(record: Record) -> str:
    """What the mean read takes by the hit ratio and the mean times of hits and misses; nothing where there are not both."""
    times, hit = record.column("latency_ns"), record.column("hit").astype(bool)
    if not times.size or hit.all() or not hit.any():
        return ""
    share = 1 - misses_of_chosen(record)
    return (
        f"{duration(share * times[hit].mean() + (1 - share) * times[~hit].mean())}, measured {duration(times.mean())}"
    )
