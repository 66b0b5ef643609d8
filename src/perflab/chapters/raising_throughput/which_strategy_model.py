"""What six strategies should gain on this machine: what a request costs with each, and a simulated burst."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.chapters import load
from perflab.chapters.changes import only_change
from perflab.chapters.load import Load
from perflab.lab import Record, Verdict
from perflab.measure import Ratio, count, number, paired_ratio
from perflab.measure.compare import CLEAR, EQUAL
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
from perflab.theory.replay import Replay

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


def shortened(record: Record) -> dict[str, Ratio]:
    """How many times shorter the p99 of a burst is with each strategy; none where requests were sent too late to tell."""
    return {} if too_late(record) else {name: paired(record, "p99_ns", UNCHANGED, name) for name in measured(record)}


def replays(record: Record) -> dict[str, Replay]:
    """The queues for a thread replayed, with each strategy that was measured and without, all bursts together."""
    found = {name: Load(record).replay(SHOP_THREADS, f"{name} ") for name in (UNCHANGED, *NAMES)}
    return {name: each for name, each in found.items() if each is not None}


def too_late(record: Record) -> Verdict | None:
    """That requests were sent later than half of the shortest p99: then lateness is what that consists of."""
    tails = (record.column(f"{name} p99_ns") for name in (UNCHANGED, *NAMES))
    shortest_ns = min((float(np.median(tail)) for tail in tails if tail.size), default=np.inf)
    return load.too_late(record, 0.5 * shortest_ns)


def finding(record: Record, pinned: Record | None) -> str | None:
    """The strategy that gains most; or that of both runs, where one control differs."""
    if (winner := best(record)) is None:
        return None
    if pinned is not None and (name := only_change(record, pinned)) and best(pinned) is not None:
        return f"Most throughput {where(pinned, name)}: {leader(pinned)}; {where(record, name)}: {leader(record)}."
    name, second, ahead = winner
    gain, server = gains(record)[name], "the server as it is"
    if gain.verdict == EQUAL:
        return f"Even the best strategy, {name}, changes the throughput by less than 5%."
    if gain.verdict != CLEAR:
        return None
    if gain.value < 1:
        return f"Even with the best strategy, {name}, throughput is {number(gain.value)} times that of {server}."
    if ahead.low <= 1:
        return (
            f"Most throughput with {name} or {second}, too close to call: {number(gain.value)} times that of {server}."
        )
    return f"Most throughput with {name}: {number(gain.value)} times that of {server}."


def leader(record: Record) -> str:
    """`async, 2.0×`: what gains most, with the next one where that is too close to call; of a run that measured all."""
    winner = best(record)
    assert winner is not None
    name, second, ahead = winner
    gain = gains(record)[name]
    if gain.verdict != CLEAR or gain.value < 1:
        return "no clear gain"
    return f"{name if ahead.low > 1 else f'{name} or {second}'}, {number(gain.value)}×"


def where(record: Record, control: str) -> str:
    """The setting of one control: `at a wait of 50 ms`."""
    value = record.parameters[control]
    return {
        "rate": f"at {count(value)} requests/s",
        "wait": f"at a wait of {value} ms",
        "writes": f"with {value} commit{'s' * (value != 1)}",
        "pages": f"with {count(value)} page{'s' * (value != 1)}",
    }[control]


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    times = "once" if chosen["writes"] == 1 else f"{chosen['writes']} times"
    what = f"{count(chosen['pages'])} pages" if chosen["pages"] > 1 else "one page"
    each = f"each waits {chosen['wait']} ms and commits {times}"
    return (
        f"Bursts at {count(chosen['rate'])} requests/s, for {what}, to {SHOP_THREADS} threads; {each}. "
        "In turns: the server as it is, and with each strategy."
    )
