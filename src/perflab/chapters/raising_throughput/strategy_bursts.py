"""The bursts of the lab on strategies: what is measured of each, and their queues replayed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from perflab.chapters.load_report import replayed_each
from perflab.chapters.raising_throughput.strategy_model import NAMES, burst_size
from perflab.lab import Record
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.measure.units import count
from perflab.systems.clients.strategies import NOTHING, THREADS, path_of, strategies
from perflab.systems.machine.storage import durability_caveat
from perflab.theory.replay import Replay

ROUNDS = 8
TRIED = 12
"""So few that a disk which takes long for each commit is done with ten of each in time."""


def experiment(rate: int, wait: int, writes: int, pages: int, seed: int) -> Iterator[Frame]:
    generator = np.random.default_rng(seed)
    facts = {"caveat": durability_caveat() or ""}
    with strategies() as shop:
        alike = [path_of(page) for page in range(TRIED)]
        for _ in range(2):  # the first is slow: files are opened, code is read
            tried = shop.burst(NOTHING, np.zeros(TRIED, np.int64), alike, wait_ms=wait, writes=writes)
        size = burst_size(rate, tried.throughput)
        for number in range(ROUNDS):
            # The same requests for all: what differs within a round is the strategy.
            schedule = np.cumsum(generator.exponential(1e9 / rate, size)).astype(np.int64)
            paths = [path_of(page) for page in generator.integers(0, pages, size).tolist()]
            order = generator.permutation([NOTHING, *NAMES]).tolist()
            if number == 0:  # there is something to compare with from the first burst on
                order.sort(key=lambda name: name != NOTHING)
            for name in order:
                done = shop.burst(name, schedule, paths, wait_ms=wait, writes=writes)
                if not done.response_ns.size:
                    raise RuntimeError(f"The server answered none of {count(size)} requests ({name}).")
                # All that a burst can be: its last request answered as quickly as its quickest.
                most_s = (schedule[-1] + done.response_ns.min()) / 1e9
                columns = {
                    per_s(name): np.array([done.throughput]),
                    most_per_s(name): np.array([size / most_s]),
                    p99_ns(name): np.array([float(percentile(done.response_ns, 0.99))]),
                    "lateness_ns": done.lateness_ns,
                }
                columns |= {f"{name} {column}": times for column, times in shop.queued(done).items()}
                lost = done.failures + done.timeouts + done.dropped
                yield Frame(columns, {"calls": done.response_ns.size, "failures": lost}, facts)


def per_s(name: str) -> str:
    """The column with what was done in each burst, requests per second."""
    return f"{name} per_s"


def most_per_s(name: str) -> str:
    """The column with the most that could be done in each burst, whose requests come when they come."""
    return f"{name} most_per_s"


def p99_ns(name: str) -> str:
    """The column with the p99 of each burst."""
    return f"{name} p99_ns"


def replays(record: Record) -> dict[str, Replay]:
    """The queues for a thread, with each strategy that was measured and without any, all bursts together."""
    found = {name: replayed_each(record, THREADS, f"{name} ") for name in (NOTHING, *NAMES)}
    return {name: each for name, each in found.items() if each is not None}
