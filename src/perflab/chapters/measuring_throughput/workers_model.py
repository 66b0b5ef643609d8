"""What workers should do: the limits of their throughput, and the responses of requests that arrive at random, by simulation."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load
from perflab.chapters.measuring_throughput.counting_model import count_ratio
from perflab.lab import Record
from perflab.measure import count, effective_cpus, poisson
from perflab.measure.compare import CLEAR, EQUAL
from perflab.measure.units import number
from perflab.systems.servers.worker_kinds import LOOP, PROCESSES, THREADS, Work
from perflab.theory.workers import Shop, mean_response, served_per_s

RUN_S, WARM_UP_S = 2.0, 0.25
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


def throughput(record: Record) -> float:
    """Requests per second whose reply reached the client after the warm-up; NaN before. A starved server replies late."""
    return load.Load(record, since_s=WARM_UP_S).throughput_per_s


SETTINGS = {"connections": "{} connections", "computing": "{}% computing"}


def team(chosen: Mapping[str, Any]) -> str:
    """The workers in a few words."""
    workers = chosen["workers"]
    if chosen["kind"] == LOOP:
        return f"event loop with {workers} {'tasks' if workers > 1 else 'task'}"
    return f"{workers} {chosen['kind']}" if workers > 1 else f"1 {KINDS_OF_ONE[chosen['kind']]}"


KINDS_OF_ONE = {THREADS: "thread", PROCESSES: "process"}


def finding(record: Record, pinned: Record | None) -> str | None:
    """How many requests are served, and what limits that; or what the change between two runs does to it."""
    per_s = throughput(record)
    if not per_s > 0:
        return None
    if pinned is not None and pinned.parameters != record.parameters and throughput(pinned) > 0:
        names = _names(pinned.parameters, record.parameters)
        told = f"{names[0]}, {count(throughput(pinned))} requests/s; {names[1]}, {count(per_s)}{_times_said(record, pinned)}."
        return told[0].upper() + told[1:]
    who, (why, most) = team(record.parameters), smallest_limit(record)
    said = f"{who[0].upper()}{who[1:]}: {count(per_s)} requests/s"
    if most >= RATE_PER_S:
        return f"{said} of {count(load.Load(record, since_s=WARM_UP_S).offered_per_s)} offered are served."
    return f"{said} are served; the limit is {count(most)}/s: {why}."


def _names(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str]:
    """What was changed between the two, in each of them."""
    changed = [name for name in SETTINGS if before[name] != after[name]]
    if not changed:
        return team(before), team(after)
    if len(changed) > 1 or team(before) != team(after):
        return "pinned run", "this run"
    told = SETTINGS[changed[0]]
    return told.format(before[changed[0]]), told.format(after[changed[0]])


def _times_said(record: Record, pinned: Record) -> str:
    """How many times as many requests were served, as far as the counts tell."""
    served = (int((run.column("completed_s") > WARM_UP_S).sum()) for run in (record, pinned))
    ratio, (longer, shorter) = (
        count_ratio(*served),
        sorted((load.Load(run).elapsed_s for run in (record, pinned)), reverse=True),
    )
    if longer > 1.05 * shorter:
        return ""  # counts of unequal times
    if ratio.verdict == EQUAL:
        return ": practically as many"
    if ratio.verdict != CLEAR:
        return ""
    return (
        f": {number(ratio.value)} times as many"
        if ratio.value > 1
        else f": fewer by a factor of {number(1 / ratio.value)}"
    )


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    connections = f"{chosen['connections']} connections" if chosen["connections"] > 1 else "one connection"
    share = f", {chosen['computing']}% of it computing" if chosen["computing"] else ", all in the database"
    return (
        f"For {RUN_S:g} s, {RATE_PER_S} requests per second arrive at a server: {team(chosen)}, {connections} to the database. "
        f"Each needs {SERVICE_MS:g} ms{share}."
    )
