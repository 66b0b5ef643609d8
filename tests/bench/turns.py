"""Two settings measured in turns: how often equal ones are called clearly different, how often a doubled one is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labs import find_labs, measured_together

from perflab.measure.compare import CLEAR
from perflab.measure.units import percent

PAIRS = 20
KINDS: dict[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
    "a dict look-up": ("measuring_latency.stopwatch", {"repeats": 1_000}, {"operation": "SQLite lookup by key"}),
    "a TCP round trip": (
        "measuring_latency.stopwatch",
        {"operation": "TCP round trip, loopback"},
        {"operation": "HTTP request, loopback"},
    ),
    "a query with an index": ("where_latency_comes_from.query", {"index": True}, {"index": False}),
    "a scan": ("where_latency_comes_from.query", {"index": False}, {"rows": 20_000}),
    "a queue at 60%": ("measuring_throughput.admission", {"rate": 100}, {"rate": 300}),
    "batches": ("measuring_throughput.batching", {"rate": 200}, {"size": 100}),
}
"""Lab, settings, and what is changed for the other one, which takes at least twice as long."""


def rows() -> Iterator[tuple[str, str, str]]:
    """One row a kind for equal settings, and one for settings that differ."""
    for kind, (name, settings, changes) in KINDS.items():
        same, other = _clear(name, settings, settings), _clear(name, settings, {**settings, **changes})
        yield (f"called clear: {kind} against itself, {PAIRS} pairs", "≤ 5%", percent(same))
        yield (f"called clear: {kind} against {dict(changes)}", "≥ 99%", percent(other))


def _clear(name: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> float:
    lab = find_labs()[name]()
    kinds = []
    for seed in range(PAIRS):
        pinned, record = measured_together(lab, first, second, seed=seed)
        kinds.append(lab.verdict(record, pinned).kind)
    return sum(kind == CLEAR for kind in kinds) / PAIRS
