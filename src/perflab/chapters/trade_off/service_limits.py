"""What a setting of the service can do: what a request costs on this machine, and which resource is the bottleneck."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

from perflab.chapters.trade_off.service_loads import (
    LEVEL,
    OFF,
    QUERY_MS,
    REPLY_BYTES,
    at_once_of,
    clients_of,
    conditions,
    p50,
    warm_up,
)
from perflab.measure import Frame
from perflab.systems.clients.service import NEW_EVERY, TTL_S, service
from perflab.systems.servers.group_commit import MAX_ROWS, NONE, TIMER, WAITING
from perflab.systems.servers.stage_kinds.pages import ROW_BYTES, products
from perflab.theory.queues import closed

THREADS = 16
FREE: dict[str, Any] = {**OFF, **conditions(0, 1, THREADS), "bits_per_s": None, "pooled": True}
PROBED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "handshake": {"pooled": False},
    "hit": {"ttl_s": TTL_S},
    "one commit": {"rows": 1},
    "commits": {"rows": MAX_ROWS},
    "batch": {"rows": MAX_ROWS, "batch": WAITING},
}
"""Requests alone: a query, and what this adds; a hit of the cache has none, and does not wake up from it."""
PLAIN, POOLED, CACHED, ASYNC, ASYNC_POOLED, ASYNC_CACHED = (
    "",
    "pooling",
    "cache",
    "async",
    "async, pooling",
    "async, cache",
)
PRESSED: dict[str, dict[str, Any]] = {
    POOLED: {},
    PLAIN: {"pooled": False},
    CACHED: {"pooled": False, "ttl_s": TTL_S},
    ASYNC: {"pooled": False, "asynchronous": True},
    ASYNC_POOLED: {"asynchronous": True},
    ASYNC_CACHED: {"pooled": False, "ttl_s": TTL_S, "asynchronous": True},
}
"""Clients that never rest, without commits and link. The query is so short that only the CPU limits; but without any there would
be no waking up from it, which is a third of a request's CPU time.
"""
SHORT_MS = 2.0
COMMITTED: dict[str, dict[str, Any]] = {
    "one commit": {"rows": 1, "pooled": False},
    "all commits": {"rows": MAX_ROWS, "pooled": False},
    "batch": {**PROBED["batch"], "pooled": False},
}
"""The same with commits. Handing over to the writer and waking up takes the CPUs' time, and a commit may, too."""
PROBES, PROBE_S = 3, 0.1


def calibrate() -> Iterator[Frame]:
    """What parts of a request take alone (ns), requests/s that the CPUs can do, and what zlib does to a reply."""
    found: dict[str, list[float]] = {}
    with service(clients_of(THREADS), **FREE) as served:

        def pressed_per_s(**changed: Any) -> float:
            served.set(**{**FREE, "query_ms": SHORT_MS, **changed})
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
            without_ns = 1e9 / found[per_s(PLAIN)][-1]
            for name, changed in COMMITTED.items():
                found.setdefault(adds(name), []).append(1e9 / pressed_per_s(**changed) - without_ns)
            yield Frame(facts={name: float(np.nanmedian(each)) for name, each in found.items()})
    yield Frame(facts=zlib_facts())


def per_s(lever: str) -> str:
    """The name of a constant: requests/s that the CPUs can do with a lever; "" without any."""
    return f"{lever} CPU per_s"


def adds(commits: str) -> str:
    """The name of a constant: what such commits add to the time between two replies (ns), while clients never rest."""
    return f"{commits} adds"


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

    @property
    def bottleneck(self) -> str:
        """The resource that allows least."""
        return min(self.limits, key=lambda resource: self.limits[resource])

    @property
    def point(self) -> tuple[float, float]:
        """Capacity and latency: its place in the plane."""
        return self.per_s, self.alone_ns


def limits_of(settings: Mapping[str, Any], clients: int, constants: Mapping[str, Any]) -> Limits:
    """A setting of the service, alone and with so many clients that never rest.

    Alone: query + handshake + commits + link + zlib (+ timer). Saturated: threads that wait for the query, and take turns at
    CPUs and disk (mean value analysis); never more than link or pool allow. Commits and CPUs may overlap, so what a request takes
    with commits is calibrated, and is neither the larger nor the sum of both. A cache spares query and handshake of all but new
    pages: of the median both. A thread is held by all but the link.
    """
    parts = {name: max(0.0, constants[name] - constants["nothing"]) for name in ("handshake", "batch")}
    rest, query = constants["nothing"] - 1e6 * QUERY_MS, 1e6 * settings["query_ms"]
    asked = query + (0.0 if settings["pooled"] else parts["handshake"])
    if settings["ttl_s"]:
        asked, rest = asked + rest - constants["hit"], constants["hit"]
    misses = 1 / NEW_EVERY if settings["ttl_s"] else 1.0
    compressing, decompressing, ratio = 0.0, 0.0, 1.0
    if settings["level"]:
        compressing, decompressing, ratio = (constants[name] for name in ("compress_ns", "decompress_ns", "ratio"))
    way = 8e9 * ratio * settings["payload_bytes"] / settings["bits_per_s"]
    at_once = at_once_of(settings, clients)
    # A batch is one commit of those who share it; a saturated request waits for the commit under way and for its own.
    stored, timer, waits, shared_by = stored_ns(settings["rows"], constants), 0.0, 0.0, 1
    if settings["batch"] != NONE:
        is_timed, stored = settings["batch"] == TIMER, parts["batch"]
        shared_by = min(at_once, settings["size"]) if is_timed else at_once
        timer = 1e6 * settings["max_wait_ms"] if is_timed else 0.0
        waits = 1.5 * stored + (timer if at_once < settings["size"] else 0.0)
    always = rest + timer + stored + compressing + way + decompressing

    held = rest + misses * asked + (waits or stored) + compressing
    disk, cpu = stored / shared_by, cpu_ns(settings, constants)
    added = added_ns(settings, constants)
    if settings["batch"] != NONE:
        added += max(0.0, disk - stored / THREADS)
    limits = {
        "commits": 1e9 / disk if disk else np.inf,
        "link": 1e9 / way,
        "clients" if settings["asynchronous"] else "threads": at_once * 1e9 / held,
        "CPU": 1e9 / (cpu + max(0.0, added - disk)),
    }
    if settings["pooled"]:
        limits["pool"] = settings["connections"] * 1e9 / (misses * query)
    together = 1e9 * closed(at_once, [cpu + added], misses * query + waits).throughput
    alone = always + (0.0 if settings["ttl_s"] else asked)
    per_s = min(together, *limits.values())
    return Limits(alone, always + misses * asked, limits, per_s)


def stored_ns(rows: int, constants: Mapping[str, Any]) -> float:
    """What so many commits take alone: the line through one, which the writer has to be woken up for, and all of them."""
    return _of_commits(rows, *(constants[name] - constants["nothing"] for name in ("one commit", "commits")))


def added_ns(settings: Mapping[str, Any], constants: Mapping[str, Any]) -> float:
    """What commits add to a saturated request: the line through one and all of them, or a batch's of as many as `THREADS`."""
    if settings["batch"] != NONE:
        return max(0.0, constants[adds("batch")])
    return _of_commits(settings["rows"], *(constants[adds(name)] for name in ("one commit", "all commits")))


def _of_commits(rows: int, one: float, all_of_them: float) -> float:
    return float(np.interp(rows, (0, 1, MAX_ROWS), np.maximum(0.0, (0.0, one, all_of_them))))


def cpu_ns(settings: Mapping[str, Any], constants: Mapping[str, Any]) -> float:
    """CPU time of a request without its commits, of service and client."""
    plain, pooled, cached = (ASYNC, ASYNC_POOLED, ASYNC_CACHED) if settings["asynchronous"] else (PLAIN, POOLED, CACHED)
    each, of_misses, mixed = (
        1e9 / constants[per_s(name)] for name in (pooled if settings["pooled"] else plain, plain, cached)
    )
    # With a cache one of `NEW_EVERY` requests is a miss; a hit needs neither query nor connection.
    found = mixed + (each - of_misses) / NEW_EVERY if settings["ttl_s"] else each
    if settings["level"]:
        found += constants["compress_ns"] + constants["decompress_ns"]
    return float(found)
