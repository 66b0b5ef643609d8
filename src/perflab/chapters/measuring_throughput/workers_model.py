"""What workers should do: the limits of their throughput, and the responses of requests that arrive at random, by simulation."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure import effective_cpus, poisson
from perflab.systems.servers.worker_kinds import LOOP, PROCESSES, THREADS, Work
from perflab.theory.workers import Shop, mean_response, served_per_s

RUN_S = 2.0
SERVICE_MS = 50.0
RATE_PER_S, QUEUE = 500, 100
MAX_WORKERS = 128
NUMBERS = np.unique(np.round(np.geomspace(1, MAX_WORKERS, 25))).astype(int)
LIMITS = {"workers": "all workers busy", "computing": "all CPUs busy", "connections": "all connections in use"}
ONE_AT_A_TIME = {
    THREADS: "the GIL lets one thread compute at a time",
    LOOP: "an event loop computes one request at a time",
}
HAS_GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
"""False in a free-threaded build of Python (3.13t and later)."""
AMDAHL = "Amdahl's law"


def work_of(computing: float) -> Work:
    """50 ms in all, so many percent of it computing; the rest is a query that holds a connection."""
    compute_ms = SERVICE_MS * computing / 100
    return Work(compute_ms=compute_ms, query_ms=SERVICE_MS - compute_ms)


def shop_of(kind: str, connections: int, computing: float) -> Shop:
    """What a request needs, and what there is of it, in seconds; processes compute on several CPUs, threads without a GIL too."""
    work = work_of(computing)
    cpus = effective_cpus() if kind == PROCESSES or (kind == THREADS and not HAS_GIL) else 1.0
    return Shop(work.compute_ms / 1e3, work.query_ms / 1e3, cpus, connections)


@dataclass(frozen=True)
class Expected:
    """Over `NUMBERS` of workers: throughput (per s), its limits by their names, and mean response (ns)."""

    throughput: NDArray[np.float64]
    limits: Mapping[str, NDArray[np.float64]]
    response_ns: NDArray[np.float64]


def predict(kind: str, workers: int, connections: int, computing: int) -> Expected:
    """Random arrivals, a queue that rejects what it has no place for, and a server as fast as its smallest limit."""
    shop, service_s, arrivals = (
        shop_of(kind, connections, computing),
        SERVICE_MS / 1e3,
        poisson(RATE_PER_S, RUN_S, 1) / 1e9,
    )
    each = [(float(most), int(number) + QUEUE) for most, number in zip(shop.most(NUMBERS), NUMBERS, strict=True)]
    through = [served_per_s(RATE_PER_S, most, service_s, places) for most, places in each]
    responses = [mean_response(arrivals, most, service_s, places, RUN_S) for most, places in each]
    limits = {**shop.limits(NUMBERS), AMDAHL: shop.least(NUMBERS)}
    return Expected(np.array(through), limits, 1e9 * np.array(responses))


def smallest_limit(record: Record) -> tuple[str, float]:
    """What limits a run, and how many requests per second that allows."""
    chosen = record.parameters
    limits = shop_of(chosen["kind"], chosen["connections"], chosen["computing"]).limits(chosen["workers"])
    name = min(limits, key=lambda each: float(limits[each]))
    one = name == "computing" and (chosen["kind"] == LOOP or (chosen["kind"] == THREADS and HAS_GIL))
    return ONE_AT_A_TIME[chosen["kind"]] if one else LIMITS[name], float(limits[name])
