"""What theory expects of the parts of one request: they add up, and what waits for the same thread or CPU waits in a queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perflab.systems.clients.anatomy import PARTS
from perflab.theory.critical_path import parallel, serial
from perflab.theory.queues import closed

THREADS, CALLS = 2, 4
IN_A_ROW, SIDE_BY_SIDE = "in a row", "side by side"
WAYS = {"connect": 1.0, "send": 0.5, "receive": 0.5}
"""Round trips in each part: the handshake takes a whole one, the request goes one way, the reply the other."""

Parts = Mapping[str, float]
"""Duration (ns) of each of `PARTS`: each begins where the one before ends, so they add up to the whole request."""


def predict(
    payload: int, round_trip: int, concurrency: int, work: int, calls: str, constants: Mapping[str, Any]
) -> Parts:
    """Parts add up; calls side by side take as long as the longest, or as the CPUs need for all of them.

    `concurrency` clients that ask again at once form a closed system: its threads are one station that is as fast as all of
    them, with the rest of the time in a thread as a delay (Seidmann, Schweitzer and Shalev-Oren 1987), by mean value analysis.
    """
    parts = {part: constants[part] for part in PARTS}
    for part, ways in WAYS.items() if round_trip else ():
        parts[part] += ways * round_trip * 1e6 + constants[f"{part} relay"]
    for part in ("serialise", "receive"):
        parts[part] += payload * constants[f"{part} per byte"]
    cpus_each = constants["cpus"] / min(concurrency, THREADS)
    spans = [work * constants["database per ms"] / CALLS / min(1.0, cpus_each)] * CALLS
    parts["database"] += parallel(spans, max(1.0, cpus_each)) if calls == SIDE_BY_SIDE else serial(spans)
    parts["compute"] += work * constants["compute per ms"] / min(1.0, cpus_each)
    station = sum(parts[part] for part in ("database", "compute", "serialise")) / THREADS
    _, response = closed(concurrency, [station], think=whole(parts) - station)
    parts["queue"] += response - station
    return parts


def whole(parts: Parts) -> float:
    """The time of the request, ns."""
    return sum(parts.values())
