"""What a setting of the service can do: what a request costs on this machine, and which resource is the bottleneck."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.trade_off.plane import ALONE, PER_S
from perflab.measure import Frame, gc_paused, percentile
from perflab.systems.clients.service import NEW_EVERY, Answered, Service, service
from perflab.systems.machine.storage import durability_caveat
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


THREADS = 16
FREE: dict[str, Any] = {**OFF, **conditions(0, 1, THREADS), "bits_per_s": None, "pooled": True}
PROBED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "handshake": {"pooled": False},
    "commits": {"rows": MAX_ROWS},
    "batch": {"rows": MAX_ROWS, "batch": WAITING},
}
"""Requests alone: a query, and what this adds."""
PLAIN, POOLED, ASYNC, ASYNC_POOLED = "", "pooling", "async", "async, pooling"
PRESSED: dict[str, dict[str, Any]] = {
    POOLED: {},
    PLAIN: {"pooled": False},
    ASYNC: {"pooled": False, "asynchronous": True},
    ASYNC_POOLED: {"asynchronous": True},
}
"""Clients that never rest, without query, commits and link: only the CPU is left."""
COMMIT_CPU = "commit CPU"
"""How long a commit keeps the CPUs busy (ns): the kernel's way to the drive and back is no idle wait."""
PROBES, PROBE_S = 3, 0.1


def calibrate() -> Iterator[Frame]:
    """What parts of a request take alone (ns), requests/s that the CPUs can do, and what zlib does to a reply."""
    found: dict[str, list[float]] = {}
    with service(clients_of(THREADS), **FREE) as served:

        def pressed_per_s(**changed: Any) -> float:
            served.set(**{**FREE, "query_ms": 0.0, **changed})
            # On one slow CPU replies come in bunches of as many as there are clients: a rate takes several of them.
            return served.load(clients_of(THREADS), PROBE_S, 4 * clients_of(THREADS)).per_s(THREADS)

        # Left out: threads are started, code is loaded, the drive wakes up.
        warm_up(served, {name: {**FREE, **changed} for name, changed in PROBED.items()}, clients_of(THREADS))
        for _ in range(PROBES):
            for name, changed in PROBED.items():
                served.set(**{**FREE, **changed})
                found.setdefault(name, []).append(p50(served.load(1, PROBE_S)))
            for name, changed in PRESSED.items():
                found.setdefault(per_s(name), []).append(pressed_per_s(**changed))
            facts = {name: float(np.nanmedian(each)) for name, each in found.items()}
            yield Frame(facts=facts)
        # As many commits as take as long as the rest of the request: so the CPUs can never wait for the drive.
        free_ns, commit_ns = 1e9 / facts[per_s(POOLED)], max(1.0, facts["commits"] - facts["nothing"]) / MAX_ROWS
        rows = int(np.clip(free_ns / commit_ns, 1, MAX_ROWS))
        busy_ns = 1e9 / float(np.nanmedian([pressed_per_s(rows=rows) for _ in range(PROBES)]))
        yield Frame(facts={COMMIT_CPU: max(0.0, busy_ns - free_ns) / rows})
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
    mean_alone_ns: float
    """With a cache this is more than the median, which is a hit."""
    limits: Mapping[str, float]
    per_s: float
    for_commits: float
    """Share of the CPU time that commits take."""

    @property
    def bottleneck(self) -> str:
        """The resource that allows least; "CPU for commits" where they take most of it."""
        tightest = min(self.limits, key=lambda resource: self.limits[resource])
        return "CPU for commits" if tightest == "CPU" and self.for_commits > 0.5 else tightest

    @property
    def least(self) -> float:
        """How many requests/s it allows."""
        return min(self.limits.values())

    @property
    def point(self) -> tuple[float, float]:
        """Capacity and latency: its place in the plane."""
        return self.per_s, self.alone_ns


def limits_of(settings: Mapping[str, Any], clients: int, constants: Mapping[str, Any]) -> Limits:
    """A setting of the service, alone and with so many clients that never rest.

    Alone: query + handshake + commits + link + zlib (+ timer). Saturated: threads that wait for the query, and take turns at
    the CPUs and the disk (mean value analysis), of which a commit needs both; never more than link or pool allow. A cache spares
    query and handshake of all but new pages: of the median both. A thread is held by all but the link.
    """
    parts = {name: max(0.0, constants[name] - constants["nothing"]) for name in ("handshake", "commits", "batch")}
    rest, query = constants["nothing"] - 1e6 * QUERY_MS, 1e6 * settings["query_ms"]
    asked = query + (0.0 if settings["pooled"] else parts["handshake"])
    misses = 1 / NEW_EVERY if settings["ttl_s"] else 1.0
    compressing, decompressing, ratio = 0.0, 0.0, 1.0
    if settings["level"]:
        compressing, decompressing, ratio = (constants[name] for name in ("compress_ns", "decompress_ns", "ratio"))
    way = 8e9 * ratio * settings["payload_bytes"] / settings["bits_per_s"]
    at_once = at_once_of(settings, clients)
    # A batch is one commit of those who share it; a saturated request waits for the commit under way and for its own.
    stored, timer, waits, shared_by = parts["commits"] / MAX_ROWS * settings["rows"], 0.0, 0.0, 1
    if settings["batch"] != NONE:
        is_timed, stored = settings["batch"] == TIMER, parts["batch"]
        shared_by = min(at_once, settings["size"]) if is_timed else at_once
        timer = 1e6 * settings["max_wait_ms"] if is_timed else 0.0
        waits = 1.5 * stored + (timer if at_once < settings["size"] else 0.0)
    always = rest + timer + stored + compressing + way + decompressing

    held = rest + misses * asked + (waits or stored) + compressing
    disk, committed = stored / shared_by, constants[COMMIT_CPU] * (settings["rows"] if settings["batch"] == NONE else 1)
    cpu = cpu_ns(settings, constants) + committed / shared_by
    limits = {
        "commits": 1e9 / disk if disk else np.inf,
        "link": 1e9 / way,
        "clients" if settings["asynchronous"] else "threads": at_once * 1e9 / held,
        "CPU": 1e9 / cpu,
    }
    if settings["pooled"]:
        limits["pool"] = settings["connections"] * 1e9 / (misses * query)
    # A commit that many requests share is a part of a visit to the disk for each.
    drive = max(0.0, stored - committed)
    together = 1e9 * closed(at_once, [cpu, drive], misses * query + waits, visits=[1, 1 / shared_by]).throughput
    alone = always + (0.0 if settings["ttl_s"] else asked)
    per_s = min(together, *limits.values())
    return Limits(alone, always + misses * asked, limits, per_s, committed / shared_by / cpu)


def cpu_ns(settings: Mapping[str, Any], constants: Mapping[str, Any]) -> float:
    """CPU time of a request without its commits, of service and client; a hit of the cache costs as much as one with a pool."""
    plain, pooled = (ASYNC, ASYNC_POOLED) if settings["asynchronous"] else (PLAIN, POOLED)
    misses = 1 / NEW_EVERY if settings["ttl_s"] else 1.0
    if settings["pooled"]:
        misses = 0.0
    found = misses * 1e9 / constants[per_s(plain)]
    if misses < 1:
        found += (1 - misses) * 1e9 / constants[per_s(pooled)]
    if settings["level"]:
        found += constants["compress_ns"] + constants["decompress_ns"]
    return float(found)
