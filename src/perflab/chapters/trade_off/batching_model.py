"""What batches should do on both loads: what they cost on this machine, alone and with threads that never rest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.measure import Frame, percentile
from perflab.systems.databases.group_commit import write_for
from perflab.systems.databases.ledger import Ledger, ledger
from perflab.theory.batching import Cost, alone, fit_cost, saturated

ROWS = 8
"""Rows that a request writes."""
REST_S = 0.004
"""What a client that is alone rests between a reply and its next request."""
GROUPS = (1, 4, 16, 32)
RESTS_MS = (1.0, 5.0, 25.0)
PROBE_S, PROBES = 0.03, 4


def after_rest(rest_ms: float) -> str:
    """The name of the constant that holds what such a rest adds to a request alone (ns)."""
    return f"more after {rest_ms:g} ms"


def writer(table: Ledger) -> Callable[[int], object]:
    """A function that commits so many requests at once."""
    numbers = itertools.count(table.count())

    def write(requests: int) -> object:
        return table.write([(number, 1) for number in itertools.islice(numbers, ROWS * requests)])

    return write


def calibrate() -> Iterator[Frame]:
    """What a batch of a few sizes costs, one after the other, all hand-overs between threads included: the line s₀ + s₁·b; and
    what a rest before it adds to a request alone.
    """
    sizes, times = [], []
    rested: dict[float, list[float]] = {rest_ms: [] for rest_ms in RESTS_MS}
    with ledger() as table:
        write = writer(table)
        write_for(write, 8, PROBE_S)  # the drive and the CPU have yet to wake up
        for _ in range(PROBES):
            for group in GROUPS:
                # One group waits while the other is written, so that a writer never waits for threads.
                done = write_for(write, 2 * group, PROBE_S, size=group)
                cycles, full = np.diff(done.ended_ns), done.requests[1:] == group
                sizes += [group] * int(full.sum())
                times += cycles[full].tolist()
            for rest_ms in RESTS_MS:
                seconds = PROBE_S + rest_ms / 1e3
                rested[rest_ms] += write_for(write, 1, seconds, rest_s=rest_ms / 1e3).response_ns.tolist()
        cost = fit_cost(sizes, times)
    one = float(cost.of(1))
    more = {after_rest(rest_ms): max(0.0, percentile(found, 0.5) - one) for rest_ms, found in rested.items() if found}
    yield Frame(facts={"each_batch_ns": cost.each_batch, "each_request_ns": cost.each_row, **more})


@dataclass(frozen=True)
class Expected:
    """Capacity (requests/s) and latency alone (ns): of the setting `here`, and without batching (`base`)."""

    here: tuple[float, float]
    base: tuple[float, float]


def cost_of(constants: Mapping[str, Any]) -> Cost:
    """What a batch of so many requests costs on this machine (ns)."""
    rests = ((1e6 * rest_ms, constants.get(after_rest(rest_ms), 0.0)) for rest_ms in RESTS_MS)
    return Cost(constants["each_batch_ns"], constants["each_request_ns"], tuple(rests))


def predict(size: int, max_wait: int, threads: int, constants: Mapping[str, Any]) -> Expected:
    """The closed loop by following its batches, with the cost line of this machine; a request alone waits for the timer."""
    cost = cost_of(constants)

    def at(rows: int, wait_ns: float) -> tuple[float, float]:
        return 1e9 * saturated(threads, rows, wait_ns, cost), alone(rows, wait_ns, 1e9 * REST_S, cost)

    return Expected(at(size, 1e6 * max_wait), at(1, 0.0))
