"""What each lever should do on both loads, and which resource is the bottleneck with it and without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perflab.chapters.trade_off import service_limits
from perflab.chapters.trade_off.plane import ALONE, BASE, middle
from perflab.chapters.trade_off.service_limits import COMMITTED, Limits, adds, stored_ns
from perflab.chapters.trade_off.service_loads import LEVEL, OFF, clients_of, conditions
from perflab.lab import Record
from perflab.measure import Estimate, count, duration
from perflab.systems.clients.service import TTL_S
from perflab.systems.servers.group_commit import TIMER, WAITING

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


def limits_of(lever: str, commits: int, link: int, threads: int, constants: Mapping[str, Any]) -> Limits:
    """The service with a lever, or, for "", without any."""
    settings = {**OFF, **conditions(commits, link, threads), **SWITCHES.get(lever, {})}
    return service_limits.limits_of(settings, clients_of(threads), constants)


def with_commits_of(
    constants: Mapping[str, Any], alone_ns: float, commits: int, link: int, threads: int
) -> dict[str, Any]:
    """The constants with commits that take as long as they did in a run, whose baseline took so long alone: drives change their
    speed from one second to the next.
    """
    rest, nothing = limits_of("", 0, link, threads, constants).alone_ns, constants["nothing"]
    times = max(1.0, alone_ns - rest) / max(1.0, stored_ns(commits, constants))
    alone = {name: nothing + max(0.0, constants[name] - nothing) * times for name in ("one commit", "commits", "batch")}
    return {**constants, **alone, **{adds(name): constants[adds(name)] * times for name in COMMITTED}}


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
