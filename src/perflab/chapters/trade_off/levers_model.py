"""What each lever should do on both loads: what a request costs on this machine, and which resource is the bottleneck."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from perflab.chapters.trade_off.plane import ALONE, BASE, middle
from perflab.lab import Record
from perflab.measure import Estimate, Frame, count, duration, percentile
from perflab.systems.clients.service import NEW_EVERY, TTL_S, Answered, service
from perflab.systems.servers.group_commit import MAX_ROWS, NONE, TIMER, WAITING
from perflab.systems.servers.stage_kinds.pages import ROW_BYTES, products
from perflab.theory.queues import closed

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
TIMED, AT_ONCE, CACHING, POOLING, COMPRESSION, ASYNC = LEVERS = (
    "batching with timer",
    "batching what waits",
    "caching",
    "pooling",
    "compression",
    "async",
)
CONDITIONS = ("commits", "link", "threads")
SWITCHES: dict[str, dict[str, Any]] = {
    TIMED: {"batch": TIMER},
    AT_ONCE: {"batch": WAITING},
    CACHING: {"ttl_s": TTL_S},
    POOLING: {"pooled": True},
    COMPRESSION: {"level": LEVEL},
    ASYNC: {"asynchronous": True},
}
"""What each lever changes of `OFF`, the baseline."""


def clients_of(threads: int) -> int:
    """How many clients saturate a server with so many threads."""
    return max(MIN_CLIENTS, round(CLIENTS_PER_THREAD * threads))


def conditions(commits: int, link: int, threads: int) -> dict[str, Any]:
    """The settings that are the same with a lever and without."""
    return {"rows": commits, "bits_per_s": 1e6 * link, "threads": threads}


def p50(answered: Answered) -> float:
    """The median of a load's times (ns)."""
    return percentile(answered.took_ns, 0.5)


THREADS = 16
FREE: dict[str, Any] = {**OFF, **conditions(0, 1, THREADS), "bits_per_s": None, "pooled": True}
PROBED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "handshake": {"pooled": False},
    "commits": {"rows": MAX_ROWS},
    "batch": {"rows": MAX_ROWS, "batch": WAITING},
}
"""Requests alone: a query, and what this adds."""
PRESSED: dict[str, dict[str, Any]] = {
    POOLING: {},
    "": {"pooled": False},
    COMPRESSION: {"pooled": False, "level": LEVEL},
    ASYNC: {"pooled": False, "asynchronous": True},
}
"""Clients that never rest, without query, commits and link: only the CPU is left."""
PROBES, PROBE_S = 3, 0.1


def calibrate() -> Iterator[Frame]:
    """What parts of a request take alone (ns), requests/s that the CPUs can do, and what zlib does to a reply."""
    found: dict[str, list[float]] = {}
    with service(clients_of(THREADS), **FREE) as served:
        served.load(clients_of(THREADS), PROBE_S)  # the first requests are slow: threads are started, code is loaded
        for _ in range(PROBES):
            for name, changed in PROBED.items():
                served.set(**{**FREE, **changed})
                found.setdefault(name, []).append(p50(served.load(1, PROBE_S)))
            for name, changed in PRESSED.items():
                served.set(**{**FREE, "query_ms": 0.0, **changed})
                pressed = served.load(clients_of(THREADS), PROBE_S, THREADS + FEWEST)
                found.setdefault(per_s(name), []).append(pressed.per_s(THREADS))
            yield Frame(facts={name: float(np.median(each)) for name, each in found.items()})
    yield Frame(facts=zlib_facts())


def per_s(lever: str) -> str:
    """The name of a constant: requests/s that the CPUs can do with a lever; "" without any."""
    return f"{lever} CPU per_s"


def zlib_facts() -> dict[str, float]:
    """How small a reply becomes, and how long that and the way back take (ns)."""
    plain, times = json.dumps(products()[: REPLY_BYTES // ROW_BYTES]).encode(), []
    for _ in range(2 * PROBES + 1):
        began = perf_counter_ns()
        packed = zlib.compress(plain, LEVEL)
        half = perf_counter_ns()
        zlib.decompress(packed)
        times.append((half - began, perf_counter_ns() - half))
    compress, decompress = np.median(times, axis=0).tolist()
    return {"ratio": len(packed) / len(plain), "compress_ns": compress, "decompress_ns": decompress}


class Limits(NamedTuple):
    """Latency of a request alone (ns), the most requests/s that each resource allows, and how many that makes together."""

    alone_ns: float
    limits: Mapping[str, float]
    per_s: float

    @property
    def bottleneck(self) -> str:
        """The resource that allows least."""
        return min(self.limits, key=lambda resource: self.limits[resource])

    @property
    def point(self) -> tuple[float, float]:
        """Capacity and latency: its place in the plane."""
        return self.per_s, self.alone_ns


def limits_of(lever: str, commits: int, link: int, threads: int, constants: Mapping[str, Any]) -> Limits:
    """Alone: query + handshake + commits + link + zlib (+ timer). Saturated: threads that wait for the query, and take turns at
    the CPUs and the disk (mean value analysis); never more than link or pool allow.

    A cache spares query and handshake of all but new pages: of the median both. A thread is held by all but the link.
    """
    parts = {name: max(0.0, constants[name] - constants["nothing"]) for name in ("handshake", "commits", "batch")}
    rest = constants["nothing"] - 1e6 * QUERY_MS
    query, handshake = 1e6 * QUERY_MS, 0.0 if lever == POOLING else parts["handshake"]
    misses = 1 / NEW_EVERY if lever == CACHING else 1.0
    compressing, decompressing, ratio = 0.0, 0.0, 1.0
    if lever == COMPRESSION:
        compressing, decompressing, ratio = (constants[name] for name in ("compress_ns", "decompress_ns", "ratio"))
    way = 8e3 * ratio * REPLY_BYTES / link
    # A batch is one commit of those who share it; a saturated request waits for the commit under way and for its own.
    stored, timer, waits, shared_by = parts["commits"] / MAX_ROWS * commits, 0.0, 0.0, 1
    if lever in (TIMED, AT_ONCE):
        stored, shared_by = parts["batch"], min(threads, BATCH) if lever == TIMED else threads
        timer = 1e6 * MAX_WAIT_MS if lever == TIMED else 0.0
        waits = 1.5 * stored + (timer if threads < BATCH else 0.0)
    alone = rest + (0.0 if lever == CACHING else query + handshake) + timer + stored + compressing + way + decompressing

    at_once = clients_of(threads) if lever == ASYNC else threads
    held = rest + misses * (query + handshake) + (waits or stored) + compressing
    cpu, disk = 1e9 / cpu_per_s(lever, constants), stored / shared_by
    limits = {
        "commits": 1e9 / disk if disk else np.inf,
        "link": 1e9 / way,
        "clients" if lever == ASYNC else "threads": at_once * 1e9 / held,
        "CPU": 1e9 / cpu,
    }
    if lever == POOLING:
        limits["pool"] = CONNECTIONS * 1e3 / QUERY_MS
    together = 1e9 * closed(at_once, [cpu, disk], misses * query + waits)[0]
    return Limits(alone, limits, min(together, *limits.values()))


def with_commits_of(
    constants: Mapping[str, Any], alone_ns: float, commits: int, link: int, threads: int
) -> dict[str, Any]:
    """The constants with commits that take as long as they did in a run, whose baseline took so long alone: drives change their
    speed from one second to the next.
    """
    nothing, calibrated = constants["nothing"], max(1.0, constants["commits"] - constants["nothing"])
    rest = limits_of("", 0, link, threads, constants).alone_ns
    found = max(1.0, alone_ns - rest) * MAX_ROWS / commits
    batch = max(0.0, constants["batch"] - nothing) * found / calibrated
    return {**constants, "commits": nothing + found, "batch": nothing + batch}


def cpu_per_s(lever: str, constants: Mapping[str, Any]) -> float:
    """Requests/s that the CPUs can do; a hit of the cache costs as much as a request with a pool."""
    if lever == CACHING:
        return float(1 / (1 / NEW_EVERY / constants[per_s("")] + (1 - 1 / NEW_EVERY) / constants[per_s(POOLING)]))
    return float(constants.get(per_s(lever), constants[per_s("")]))


def rows_of(lever: str) -> tuple[str, str]:
    """The names of a lever's rows: latency and throughput."""
    return f"{lever} · latency", f"{lever} · requests/s"


@dataclass(frozen=True)
class Expected:
    """Places in the plane with the chosen lever (`here`) and without (`base`); what each lever should change, row by row."""

    here: tuple[float, float]
    base: tuple[float, float]
    changes: Mapping[str, Estimate]


def predict(lever: str, commits: int, link: int, threads: int, constants: Mapping[str, Any]) -> Expected:
    """The model of all levers under these conditions."""
    base = limits_of("", commits, link, threads, constants).point
    points = {each: limits_of(each, commits, link, threads, constants).point for each in LEVERS}
    changes = {}
    for each, (capacity, alone) in points.items():
        for row, value in zip(rows_of(each), (alone / base[1], capacity / base[0]), strict=True):
            changes[row] = Estimate(value, min(1.0, value), max(1.0, value))
    return Expected(points[lever], base, changes)


def limits_in(record: Record, lever: str) -> Limits:
    """The model under a run's conditions, with commits as quick as those of its baseline."""
    chosen = {name: record.parameters[name] for name in CONDITIONS}
    known = with_commits_of(record.constants, middle(record, BASE + ALONE).value, **chosen)
    return limits_of(lever, **chosen, constants=known)


def bottleneck(record: Record, lever: str) -> str:
    """The resource that allows least, and how much that is."""
    found = limits_in(record, lever)
    return f"{found.bottleneck} ({count(found.limits[found.bottleneck])}/s)"


def expected_in(record: Record) -> str:
    """Capacity and latency by the model, with the lever."""
    per_s, alone_ns = limits_in(record, record.parameters["lever"]).point
    return f"{count(per_s)}/s; {duration(alone_ns)}"
