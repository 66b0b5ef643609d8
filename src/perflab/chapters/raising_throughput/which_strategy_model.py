"""What six strategies should gain on this machine: what a request costs with each, and a simulated burst."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.lab import Record
from perflab.measure import Ratio, paired_ratio
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.systems.clients.strategies import (
    ASYNC,
    BATCHING,
    CACHING,
    MAX_BURST,
    SERVERS,
    SHOP_THREADS,
    SWITCHES,
    UNCHANGED,
    path_of,
    strategies,
)
from perflab.theory.burst import burst_responses
from perflab.theory.queues import closed

NAMES = tuple(SWITCHES)
WAIT_MS = 50  # so long that the threads are the bottleneck on slow machines too, where a request computes for 8 ms
MANY_WRITES = 6
ROUNDS, TRIED = 3, 40
BURST_S = 0.32  # so short that seven rounds of seven bursts fit into the 20 s of a run; an interval needs six
MIN_BURST = 10


COSTS = {
    "caching": ("memory", "pages that are out of date; views not counted"),
    "pooling": ("open connections", "a connection that is never given back"),
    "batching": ("nearly nothing", "one failed commit fails for many"),
    "async": ("different code", "one computation blocks all requests"),
    "more servers": ("machines, and a balancer", "copies of the data that differ"),
    "index": ("disk, and longer writes", "the planner may not use it"),
}


def calibrate() -> Iterator[Frame]:
    """CPU and disk time (ms) of a request that waits for nothing, with each strategy; of a cache hit; with many writes."""
    at_once = np.zeros(TRIED, np.int64)
    different = [path_of(page) for page in range(TRIED)]
    cases: dict[str, tuple[str, list[str], int]] = {name: (name, different, 1) for name in (UNCHANGED, *NAMES)}
    cases["hit"] = (CACHING, [path_of(0)] * TRIED, 1)
    cases |= {f"{name}, many writes": (name, different, MANY_WRITES) for name in (UNCHANGED, BATCHING)}
    with strategies() as shop:
        shop.burst(UNCHANGED, at_once, different)  # the first is slow: files are opened, code is loaded
        costs_ms: dict[str, list[float]] = {case: [] for case in cases}
        # In rounds, so that a disturbance does not hit all bursts of one case.
        for _ in range(ROUNDS):
            for case, (name, paths, writes) in cases.items():
                costs_ms[case].append(1e3 / shop.burst(name, at_once, paths, writes=writes).throughput)
                yield Frame(facts={case: float(np.median(costs_ms[case]))})


def burst_size(rate: float, done_per_s: float) -> int:
    """Requests of a burst that takes about `BURST_S`, no more: a lab can be stopped between two bursts."""
    return int(np.clip(BURST_S * min(rate, done_per_s), MIN_BURST, MAX_BURST))


@dataclass(frozen=True)
class Expected:
    """Requests per second and p99 (ns) of a burst, without a strategy and with each."""

    per_s: Mapping[str, float]
    p99_ns: Mapping[str, float]

    @property
    def gains(self) -> dict[str, Estimate]:
        """How many times the throughput without a strategy each one reaches."""
        return _exactly({name: self.per_s[name] / self.per_s[UNCHANGED] for name in NAMES})

    @property
    def shortened(self) -> dict[str, Estimate]:
        """How many times shorter the p99 is with each strategy."""
        return _exactly({name: self.p99_ns[UNCHANGED] / self.p99_ns[name] for name in NAMES})


def _exactly(values: Mapping[str, float]) -> dict[str, Estimate]:
    return {name: Estimate(value, value, value) for name, value in values.items()}


def predict(rate: int, wait: int, writes: int, pages: int, constants: Mapping[str, Any]) -> Expected:
    """The burst passes threads that wait, and then one machine that computes (`theory.burst`), at what that costs here.

    A cache saves the mean of what its hits save.
    """
    each_write = {
        name: max(0.0, constants[f"{name}, many writes"] - constants[name]) / (MANY_WRITES - 1)
        for name in (UNCHANGED, BATCHING)
    }
    as_it_is = constants[UNCHANGED] + (writes - 1) * each_write[UNCHANGED]
    size = burst_size(rate, closed(SHOP_THREADS, [as_it_is / 1e3], wait / 1e3).throughput)
    misses = pages * (1 - (1 - 1 / pages) ** size) / size
    throughput: dict[str, float] = {}
    tail: dict[str, float] = {}
    for name in (UNCHANGED, *NAMES):
        demand = constants[name] + (writes - 1) * each_write[BATCHING if name == BATCHING else UNCHANGED]
        missed = misses if name == CACHING else 1.0
        demand = missed * demand + (1 - missed) * constants["hit"]
        threads = {SERVERS: 2 * SHOP_THREADS, ASYNC: size}.get(name, SHOP_THREADS)
        arrived_s, took_s = burst_responses(size, rate, threads, missed * wait / 1e3, demand / 1e3)
        throughput[name] = size / float((arrived_s + took_s).max())
        tail[name] = 1e9 * percentile(took_s, 0.99)
    return Expected(throughput, tail)


def gains(record: Record) -> dict[str, Ratio]:
    """How many times the throughput without a strategy each one reaches; bursts of a round are pairs."""
    return {name: paired(record, "per_s", name, UNCHANGED) for name in measured(record)}


def measured(record: Record) -> list[str]:
    sizes = {name: record.column(f"{name} per_s").size for name in (UNCHANGED, *NAMES)}
    return [name for name in NAMES if sizes[name] and sizes[UNCHANGED]]


def paired(record: Record, what: str, first: str, second: str) -> Ratio:
    over, under = (record.column(f"{name} {what}") for name in (first, second))
    pairs = min(over.size, under.size)
    return paired_ratio(over[:pairs], under[:pairs])


def best(record: Record, among: Sequence[str] = NAMES) -> tuple[str, str, Ratio] | None:
    """The strategy with the greatest gain, the one after it, and how many times its throughput; None before all were measured."""
    found = gains(record)
    if not found.keys() >= set(among):
        return None
    first, second = sorted(among, key=lambda name: -found[name].value)[:2]
    return first, second, paired(record, "per_s", first, second)
