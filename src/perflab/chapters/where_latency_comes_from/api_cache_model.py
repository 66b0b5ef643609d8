"""What theory expects of the API with a cache over the very run that is measured; the mean response by simulating it.

The run begins with an empty queue and an empty cache, and is cut when it ends: where more is asked than the one thread can do,
the mean is that of the requests answered by then.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load
from perflab.chapters.changes import only_change
from perflab.lab import Record, Verdict
from perflab.measure import count, duration, percent, percentile
from perflab.theory.ttl import hit_ratio_of_window, mean_hit_ratio, zipf

RUN_S, SKEW, LOGIC_MS = 2.0, 0.8, 0.5
"""How long a run takes, how unequally popular products are, and the work on each request, hit or miss."""
WINDOWS_S = (0.05, 0.2, 0.5, 1.0, 1.5, RUN_S)
PROBE_MS = 4
"""Milliseconds of database and of logic that the calibration asks for."""
MIN_REQUESTS, MIN_RUNS = 8_000, 40
Requests = tuple[Sequence[float], Sequence[int]]
"""When each request arrives (s), and the key that it asks for."""


@dataclass(frozen=True)
class Expected:
    """Hit ratios up to each of `WINDOWS_S`, and long after the empty start; ns of a hit, of a miss, and the mean of a run.

    `mean` is that of the requests answered within the run. `utilisation` is what the API's thread is asked for, as a share of
    what it can do; above 1 the queue only grows.
    """

    ratio_so_far: NDArray[np.float64]
    steady: float
    hit: float
    miss: float
    mean: float
    utilisation: float


def predict(ttl: float, keys: int, database: int, rate: int, constants: Mapping[str, Any]) -> Expected:
    """Hit ratios by renewal theory; the mean from the same run simulated: one thread serves hits and misses in their order."""
    popularity = zipf(keys, SKEW)
    so_far = np.array([hit_ratio_of_window(rate, popularity, ttl, window) for window in WINDOWS_S])
    of_logic = LOGIC_MS / PROBE_MS * (constants["logic inside"] - constants["hit inside"])
    of_page = constants["page inside"] - constants["hit inside"]
    of_database = database / PROBE_MS * (constants["miss inside"] - constants["page inside"])
    outside = constants["hit outside"]
    hit = constants["hit inside"] + of_logic
    miss = hit + of_page + of_database
    utilisation = rate / 1e9 * (so_far[-1] * hit + (1 - so_far[-1]) * miss)
    run = answered_in_run(ttl, keys, SKEW, rate, hit / 1e9, miss / 1e9)
    if utilisation > 1:  # the renewals are those of all requests, but only the first of them are answered in time
        so_far = run.ratios(WINDOWS_S)
    steady, mean = mean_hit_ratio(rate, popularity, ttl), outside + 1e9 * run.mean
    return Expected(so_far, steady, outside + hit, outside + miss, mean, utilisation)


@dataclass(frozen=True)
class Answered:
    """Requests answered within the run: `mean` time in queue and service (NaN without any), when they and the misses arrived."""

    mean: float
    arrived: Sequence[float]
    missed: Sequence[float]

    def ratios(self, windows: Sequence[float]) -> NDArray[np.float64]:
        """Share of hits among those that arrived up to each of these moments."""
        misses, all_of_them = (np.searchsorted(np.sort(each), windows, "right") for each in (self.missed, self.arrived))
        return (all_of_them - misses) / np.maximum(1, all_of_them)


@lru_cache(maxsize=256)
def answered_in_run(ttl: float, keys: int, skew: float, rate: int, hit: float, miss: float) -> Answered:
    """What becomes of the requests of several such runs.

    `hit` and `miss` are how long (s) each holds the thread. A request looks into the cache when it has the thread, and a miss has
    filled it when what it takes longer than a hit has passed.
    """
    waited, answered, missed = 0.0, list[float](), list[float]()
    for arrivals, asked in runs(keys, skew, rate):
        free, number = 0.0, len(arrivals)
        filled = [-np.inf] * keys
        for arrived, key in zip(arrivals, asked, strict=True):
            if arrived > free:
                free = arrived
            if free - filled[key] < ttl:
                free += hit
            else:
                free += miss
                filled[key] = free - hit
                missed.append(arrived)
            if free > RUN_S:
                number = bisect_left(arrivals, arrived)
                break
            waited += free - arrived
        answered += arrivals[:number]
        if missed and number < len(arrivals) and missed[-1] == arrivals[number]:
            missed.pop()  # it was not answered within the run
    return Answered(waited / len(answered) if answered else float("nan"), answered, missed)


@lru_cache(maxsize=16)
def runs(keys: int, skew: float, rate: int) -> tuple[Requests, ...]:
    """Several runs; always the same ones, so that only the controls change what is drawn."""
    arrivals = arrivals_at(rate)
    ends = np.cumsum([len(run) for run in arrivals]).tolist()
    chances = np.random.default_rng((rate, 1)).uniform(size=ends[-1])
    asked = np.minimum(np.searchsorted(np.cumsum(zipf(keys, skew)), chances), keys - 1).tolist()
    return tuple((run, asked[end - len(run) : end]) for run, end in zip(arrivals, ends, strict=True))


@lru_cache(maxsize=16)
def arrivals_at(rate: int) -> tuple[Sequence[float], ...]:
    """Poisson arrivals of several runs, whose numbers are spread evenly over their distribution."""
    expected = rate * RUN_S
    number = max(MIN_RUNS, math.ceil(MIN_REQUESTS / expected))
    generator = np.random.default_rng(rate)
    shares = [NormalDist().inv_cdf((place + 0.5) / number) for place in range(number)]
    sizes = [max(1, round(expected + math.sqrt(expected) * share)) for share in shares]
    drawn = generator.uniform(0, RUN_S, sum(sizes))
    # One run after the other, all are put in order at once.
    in_order = drawn[np.argsort(drawn + 2 * RUN_S * np.repeat(np.arange(number), sizes))].tolist()
    ends = np.cumsum(sizes).tolist()
    return tuple(in_order[end - size : end] for size, end in zip(sizes, ends, strict=True))


def hit_ratio(record: Record) -> float:
    return float(record.column("hit").mean())


def requests_of(record: Record, hit: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """When hits or misses were due (s), and their response times (ns)."""
    chosen = record.column("hit").astype(bool) == hit
    return record.column("at_s")[chosen], record.column("latency_ns")[chosen]


def ratio_so_far(record: Record) -> tuple[NDArray[Any], NDArray[Any]]:
    hits = record.column("hit")
    return record.column("at_s"), np.cumsum(hits) / np.arange(1, hits.size + 1)


def hits_said(record: Record) -> str:
    return f"{percent(hit_ratio(record))} of {count(record.column('hit').size)} requests hit the cache"


def saturated(record: Record) -> Verdict | None:
    """A guard: more arrives than the API's one thread can serve, by how long requests held it, or its queue grows."""
    held_s, rate = (record.column("done_ns") - record.column("started_ns")) / 1e9, record.parameters["rate"]
    if not load.falls_behind(record, rate, 1 / held_s.mean() if held_s.size else rate, servers=1):
        return None
    return Verdict(
        f"Saturated: more arrives than the API's one thread can serve. {count(load.Load(record).in_flight)} requests are still "
        f"waiting, {count(load.Load(record).not_sent)} could not be sent; {hits_said(record)}. There is no steady response time."
    )


SETTINGS = {
    "ttl": "TTL {:g} s",
    "keys": "different products: {:,}",
    "database": "{} ms in the database",
    "rate": "{} requests/s",
}


def finding(record: Record, pinned: Record | None) -> str | None:
    """How many requests hit, and what hits and misses take; or what the change between two runs does to the misses."""
    if not record.column("hit").size:
        return None
    if pinned is not None and pinned.column("hit").size and pinned.parameters != record.parameters:
        told = "; ".join(map(_effect, _names(pinned, record), (pinned, record)))
        return f"{told[0].upper()}{told[1:]}."
    if saturated(record):
        waiting = count(load.Load(record).in_flight)
        return f"More arrives than the API's one thread can serve: {waiting} requests are still waiting at the end."
    means = [(name, requests_of(record, hit)[1]) for name, hit in (("a hit", True), ("a miss", False))]
    said = ", ".join(f"{name} takes {duration(times.mean())}" for name, times in means if times.size)
    return f"{hits_said(record)}; on average {said}."


def _names(pinned: Record, record: Record) -> tuple[str, str]:
    """What was changed between the two, in each of them."""
    changed = only_change(record, pinned)
    if not changed:
        return "pinned run", "this run"
    before, after = (SETTINGS[changed].format(run.parameters[changed]) for run in (pinned, record))
    return before, after


def _effect(name: str, record: Record) -> str:
    hits = record.column("hit")
    end = "saturated" if saturated(record) else f"p50 {duration(percentile(record.column('latency_ns'), 0.5))}"
    return f"{name}: {count(hits.size - hits.sum())} of {count(hits.size)} miss, {end}"


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    products = f"{count(chosen['keys'])} products, popular ones more often" if chosen["keys"] > 1 else "one product"
    cached = f"The cache keeps a page for {chosen['ttl']:g} s" if chosen["ttl"] else "The cache keeps nothing"
    return (
        f"For {RUN_S:g} s, {count(chosen['rate'])} requests per second ask for {products}. {cached}; a miss needs the database "
        f"for {chosen['database']} ms."
    )
