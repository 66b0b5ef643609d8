"""What six strategies should gain on this machine: what a request costs with each, and a burst on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.systems.clients.strategies import (
    ASYNC,
    BATCHING,
    CACHING,
    MAX_BURST,
    NOTHING,
    SERVERS,
    SWITCHES,
    THREADS,
    path_of,
    strategies,
)
from perflab.theory.burst import burst_responses
from perflab.theory.queues import closed

NAMES = tuple(SWITCHES)
MANY_WRITES = 6
ROUNDS, TRIED = 3, 40
BURST_S, FEWEST = 0.32, 10
"""So short that seven rounds of seven bursts fit into the 20 s of a run; an interval needs six."""


def calibrate() -> Iterator[Frame]:
    """Milliseconds of the machine that a request costs with each strategy, when nothing is waited for; of a hit, of a write."""
    at_once = np.zeros(TRIED, np.int64)
    different = [path_of(page) for page in range(TRIED)]
    cases: dict[str, tuple[str, list[str], int]] = {name: (name, different, 1) for name in (NOTHING, *NAMES)}
    cases["hit"] = (CACHING, [path_of(0)] * TRIED, 1)
    cases |= {f"{name}, many writes": (name, different, MANY_WRITES) for name in (NOTHING, BATCHING)}
    with strategies() as shop:
        shop.burst(NOTHING, at_once, different)  # the first is slow: files are opened, code is read
        costs_ms: dict[str, list[float]] = {case: [] for case in cases}
        # In rounds: what disturbs the machine for a while disturbs no case in all of its bursts.
        for _ in range(ROUNDS):
            for case, (name, paths, writes) in cases.items():
                costs_ms[case].append(1e3 / shop.burst(name, at_once, paths, writes=writes).throughput)
                yield Frame(facts={case: float(np.median(costs_ms[case]))})


def burst_size(rate: float, done_per_s: float) -> int:
    """Requests of a burst that is over in about `BURST_S`: not more, so that a lab can be stopped between two of them."""
    return int(np.clip(BURST_S * min(rate, done_per_s), FEWEST, MAX_BURST))


@dataclass(frozen=True)
class Expected:
    """Requests per second and p99 (ns) of a burst, without any strategy and with each."""

    per_s: Mapping[str, float]
    p99_ns: Mapping[str, float]


def predict(rate: int, wait: int, writes: int, pages: int, constants: Mapping[str, Any]) -> Expected:
    """The burst goes through threads that wait, and one machine that computes (`theory.burst`), with what that costs here.

    A cache spares the mean of what its hits spare.
    """
    each_write = {
        name: max(0.0, constants[f"{name}, many writes"] - constants[name]) / (MANY_WRITES - 1)
        for name in (NOTHING, BATCHING)
    }
    as_it_is = constants[NOTHING] + (writes - 1) * each_write[NOTHING]
    size = burst_size(rate, closed(THREADS, [as_it_is / 1e3], wait / 1e3)[0])
    misses = pages * (1 - (1 - 1 / pages) ** size) / size
    did: dict[str, float] = {}
    late: dict[str, float] = {}
    for name in (NOTHING, *NAMES):
        demand = constants[name] + (writes - 1) * each_write[BATCHING if name == BATCHING else NOTHING]
        waits, threads = float(wait), THREADS
        if name == CACHING:
            demand = misses * demand + (1 - misses) * constants["hit"]
            waits *= misses
        elif name == SERVERS:
            threads *= 2
        elif name == ASYNC:
            threads = size
        came_s, took_s = burst_responses(size, rate, threads, waits / 1e3, demand / 1e3)
        did[name] = size / float((came_s + took_s).max())
        late[name] = 1e9 * percentile(took_s, 0.99)
    return Expected(did, late)


def expected_gains(model: Expected) -> dict[str, Estimate]:
    """As `gains`, of the model."""
    return _ticks({name: model.per_s[name] / model.per_s[NOTHING] for name in NAMES})


def expected_shortened(model: Expected) -> dict[str, Estimate]:
    """As `shortened`, of the model."""
    return _ticks({name: model.p99_ns[NOTHING] / model.p99_ns[name] for name in NAMES})


def _ticks(values: Mapping[str, float]) -> dict[str, Estimate]:
    return {name: Estimate(value, value, value) for name, value in values.items()}
