"""The service of notebook 06 under its two loads: its settings, and how several of them are measured in turns."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.trade_off.plane import ALONE, PER_S
from perflab.measure import Frame, gc_paused, percentile
from perflab.systems.clients.service import Answered, Service
from perflab.systems.machine.storage import durability_caveat
from perflab.systems.servers.group_commit import NONE

QUERY_MS, REPLY_BYTES, LEVEL, HANDSHAKE = 8.0, 10_000, 6, 100
BATCH, MAX_WAIT_MS, CONNECTIONS = 5, 20.0, 8
MIN_CLIENTS, CLIENTS_PER_THREAD = 16, 1.5
"""More clients than threads, so that all threads are busy; at least 16, for what needs no thread."""
ALONE_S, BUSY_S = 0.1, 0.13
FEWEST = 5
"""Replies of a load at least, besides those of its beginning: among five in a row one page is new."""

OFF: dict[str, Any] = {
    "batch": NONE,
    "size": BATCH,
    "max_wait_ms": MAX_WAIT_MS,
    "ttl_s": 0.0,
    "pooled": False,
    "connections": CONNECTIONS,
    "level": 0,
    "asynchronous": False,
    "query_ms": QUERY_MS,
    "payload_bytes": REPLY_BYTES,
    "iterations": HANDSHAKE,
}
"""The service without any lever."""


def clients_of(threads: int) -> int:
    """How many clients saturate a server with so many threads."""
    return max(MIN_CLIENTS, round(CLIENTS_PER_THREAD * threads))


def conditions(commits: int, link: int, threads: int) -> dict[str, Any]:
    """The settings that are the same with a lever and without."""
    return {"rows": commits, "bits_per_s": 1e6 * link, "threads": threads}


def p50(answered: Answered) -> float:
    """The median of a load's times (ns)."""
    return percentile(answered.took_ns, 0.5)


Columns = dict[str, NDArray[np.float64]]
Measure = Generator[Frame, None, tuple[Columns, int]]
"""Frames in between; at last columns with a number each, and how many replies came."""


def both_loads(served: Service, settings: Mapping[str, Any], clients: int, of: str = "") -> Measure:
    """A setting under one client, then under so many: its point in the plane, in columns of `of`."""
    at_once = at_once_of(settings, clients)
    served.set(**settings)
    with gc_paused(generation=0):
        alone = yield from served.load_in_slices(1, ALONE_S, FEWEST)
        busy = yield from served.load_in_slices(clients, BUSY_S, at_once + FEWEST)
    columns = {of + ALONE: np.array([p50(alone)]), of + PER_S: np.array([busy.per_s(at_once)])}
    return columns, alone.took_ns.size + busy.took_ns.size


def in_turns(sides: Sequence[str], rounds: int, measure: Callable[[str], Measure]) -> Iterator[Frame]:
    """Rounds of a measurement of each side; a frame ends with each of them."""
    order = list(sides)
    for _ in range(rounds):
        for of in order:
            columns, calls = yield from measure(of)
            yield Frame(columns, {"calls": calls}, {"caveat": durability_caveat() or ""})
        order.append(order.pop(0))  # so that none always comes first


def warm_up(served: Service, sides: Mapping[str, Mapping[str, Any]], clients: int) -> None:
    """What is not measured: threads are started, the cache is filled, the drive wakes up."""
    for settings in sides.values():
        served.set(**settings)
        served.load(clients, ALONE_S)


def at_once_of(settings: Mapping[str, Any], clients: int) -> int:
    """How many requests of clients that never rest are under way behind the threads' queue."""
    return clients if settings["asynchronous"] else min(clients, settings["threads"])
