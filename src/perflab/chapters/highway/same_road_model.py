"""The server as a road: how many requests are inside, how many get through, and what is said of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.chapters.findings import against, change_said
from perflab.chapters.load import Load
from perflab.lab import Record
from perflab.measure import count, duration, percentile
from perflab.theory.littles_law import inside_over_time

RUN_S = 3.0
PARTS = 6
NEARLY_FULL = 0.98


def inside_and_flow(run: Record, parts: int = PARTS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Requests inside (on average over time) and completions per second, in as many equal parts of the run so far."""
    edges = np.linspace(0, Load(run).elapsed_s, parts + 1)
    done = np.histogram(run.column("completed_s"), edges)[0]
    return inside_over_time(run.column("arrived_s"), run.column("completed_s"), edges), done / np.diff(edges)


def point(run: Record) -> tuple[float, float]:
    """The same for the run as a whole."""
    inside, flow = inside_and_flow(run, 1)
    return float(inside[0]), float(flow[0])


def capacity_per_s(run: Record) -> float:
    """Requests per second that all lanes can do."""
    return 1e3 * float(run.parameters["lanes"] / run.parameters["trip"])


def queue_grew(run: Record) -> bool:
    """Whether more requests were inside from each third of the run to the next, and in the last more than two for each lane."""
    inside, _ = inside_and_flow(run, 3)
    return bool(np.all(np.diff(inside) > 0) and inside[-1] > 2 * run.parameters["lanes"])


def is_full(run: Record) -> bool:
    """Whether as many requests arrive as the lanes can do, or more."""
    return bool(run.parameters["rate"] >= NEARLY_FULL * capacity_per_s(run))


def threads(lanes: int) -> str:
    """So many threads."""
    return f"{lanes} threads" if lanes > 1 else "1 thread"


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    return (
        f"{chosen['rate']} requests per second arrive at random for {RUN_S:g} s at a server with {threads(chosen['lanes'])}; "
        f"each takes {chosen['trip']} ms on average."
    )


CHANGES = {
    "lanes": "With {} thread{s} instead of {}",
    "rate": "With {} requests arriving per second instead of {}",
    "trip": "With {} ms per request instead of {}",
}


def finding(run: Record, pinned: Record | None) -> str | None:
    """The response time, or where the threads are full what gets through; beside another run, what became of it."""
    found = Load(run)
    if not found.response.size or not found.elapsed_s:
        return None
    through, changed = count(found.throughput_per_s), only_change(run, pinned)
    if pinned is not None and changed and Load(pinned).response.size:
        said = change_said(changed, run, pinned, CHANGES)
        if is_full(run) or is_full(pinned):
            return f"{said}, the throughput is {against(through, count(Load(pinned).throughput_per_s))} (requests/s)."
        now, then = (duration(percentile(Load(each).response, 0.5)) for each in (run, pinned))
        return f"{said}, a request takes {against(now, then)} (p50)."
    if is_full(run):
        lanes, most = threads(run.parameters["lanes"]), count(capacity_per_s(run))
        return f"{count(found.offered_per_s)} requests/s arrive and {through}/s get through: {lanes} can do {most}/s."
    return f"A request takes {duration(found.response.mean())} on average{in_a_thread(run)}; {through} requests/s get through."


def in_a_thread(run: Record) -> str:
    """How much of the mean response time a thread works on a request; "" where that is not known."""
    started, done = run.column("started_ns"), run.column("done_ns")
    return f", {duration((done - started).mean())} of it in a thread" if started.size else ""
