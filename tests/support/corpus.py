"""Real runs of every lab, each measured once for the whole suite: at its start settings, with each control at its far end, and
those of its question.

Whatever looks at what labs measure (charts, words, replays, settling, the effect of each control) reads these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from labs import SEED, Measured, constants_of, find_labs, growing_together, measure_slices

from perflab.lab import Lab, Record
from perflab.lab.controls import Control
from perflab.lab.prediction import Outcome, Prediction
from perflab.lab.verdict import INVALID

LABS = find_labs()
CONTROLS = [(name, control) for name, lab in LABS.items() for control in lab().controls]
READ = {
    ("eviction_and_stampedes.all_sizes", "estimate"),
    ("highway.littles_law", "window"),
    ("measuring_throughput.counting", "window"),
    ("trade_off.cheapest", "p95"),
    ("trade_off.cheapest", "rate"),
}
"""Controls that change how a run is read, not what is measured."""
TELLING: dict[tuple[str, str], dict[str, Any]] = {
    ("databases.profiles", "durable"): {"batch": 1},
    ("databases.lost_updates", "think"): {"way": "one statement"},
    ("eviction_and_stampedes.all_sizes", "policy"): {"trace": "loop of 1,250"},
    ("eviction_and_stampedes.what_to_evict", "policy"): {"trace": "loop of 1,250"},
    ("eviction_and_stampedes.expiry", "keys"): {"ttl": 0.1},
    ("caching_strategies.hit_ratio", "kind"): {"capacity": 300},
    ("caching_strategies.restart", "keys"): {"cure": "both"},
    ("caching_strategies.kill", "keys"): {"flush": 200},
    ("caching_strategies.stale_reads", "writers"): {"order": "write-through"},
    ("caching_strategies.strategies", "skew"): {"strategy": "write-through"},
    ("caching_strategies.which_cache", "hits"): {"cache": "dict", "store": "slow store"},
    ("databases.connections", "database"): {"kind": "waits", "connections": 64},
    ("databases.connections", "connections"): {"kind": "waits"},
    ("highway.road", "hesitation"): {"cars": 100},
    ("measuring_latency.percentiles", "factor"): {"slow": 50},
    ("measuring_latency.stopwatch", "collector"): {"operation": "tree of 11 objects"},
    ("measuring_throughput.batching", "max_wait"): {"size": 200},
    ("measuring_throughput.batching", "writer"): {"size": 50, "rate": 1000},
    ("measuring_throughput.workers", "kind"): {"computing": 100},
    ("raising_throughput.bottleneck", "memory"): {"cpu": 0, "network": 0},
    ("raising_throughput.bottleneck", "network"): {"cpu": 0},
    ("raising_throughput.bottleneck", "disk"): {"cpu": 0, "network": 0},
    ("raising_throughput.more_machines", "routing"): {"kind": "one 4 times as slow", "rate": 50},
    ("raising_throughput.which_strategy", "writes"): {"wait": 0},
    ("raising_throughput.scaling_law", "locked"): {"work": "locking"},
    ("tails_and_overload.overload", "deadline"): {"discipline": "short queue"},
    ("tails_and_overload.overload", "services"): {"discipline": "shortest first"},
    ("tails_and_overload.fan_out", "calls"): {"workers": 4},
    ("tails_and_overload.fan_out", "hedge"): {"workers": 6},
    ("tails_and_overload.fan_out", "hedges"): {"workers": 4},
    ("tails_and_overload.fan_out", "workers"): {"calls": 50},
    ("tails_and_overload.hockey_stick", "kind"): {"load": 30},
    ("trade_off.advice", "commits"): {"clients": 1},
    ("trade_off.levers", "link"): {"commits": 1},
    ("trade_off.batching", "max_wait"): {"size": 20},
    ("trade_off.batching", "threads"): {"size": 20},
    ("trade_off.cheapest", "clients"): {"clients": 8},
    ("trade_off.switchboard", "batching"): {"cache": True},
    ("trade_off.switchboard", "cache"): {"batching": "what waits", "server": "threads, pool of 10"},
    ("trade_off.switchboard", "compression"): {"batching": "what waits", "cache": True, "server": "async, pool of 100"},
    ("trade_off.switchboard", "server"): {"batching": "20, or 20 ms"},
    ("web_servers.heavy_request", "rate"): {"rate": 50},
    ("where_latency_comes_from.anatomy", "calls"): {"round_trip": 0},
    ("where_latency_comes_from.query", "rows"): {"index": False},
    **{("web_servers.idle_connections", name): {"idle": 10} for name in ("architecture", "workers", "keep_alive")},
}
"""Where other controls must stand for this one to have much to say."""
FAR = {
    ("databases.lost_updates", "way"): "one statement",
    ("eviction_and_stampedes.what_to_evict", "capacity"): 10,
    ("caching_strategies.restart", "keys"): 200,
    ("caching_strategies.stale_reads", "order"): "delete, then write",
    ("caching_strategies.strategies", "skew"): 1.5,
    ("caching_strategies.strategies", "strategy"): "write-behind",
    ("caching_strategies.which_cache", "store"): "slow store",
    ("databases.connections", "kind"): "waits",
    ("measuring_throughput.workers", "kind"): "processes",
    ("measuring_throughput.admission", "workers"): 64,
    ("measuring_throughput.workers", "workers"): 64,
    ("measuring_throughput.workers", "connections"): 1,
    ("raising_throughput.more_machines", "routing"): "least outstanding",
    ("tails_and_overload.overload", "discipline"): "LIFO",
    ("highway.littles_law", "workers"): 1,
    ("highway.same_road", "lanes"): 1,
    ("tails_and_overload.fan_out", "calls"): 50,
    ("tails_and_overload.fan_out", "hedge"): 12,
    ("tails_and_overload.fan_out", "hedges"): "at most 5% of calls",
    ("trade_off.levers", "lever"): "batching with timer",
    ("trade_off.switchboard", "batching"): "50, or 20 ms",
    ("trade_off.switchboard", "server"): "async",
    ("where_latency_comes_from.api_cache", "ttl"): 0,
    ("web_servers.beyond_the_limit", "load"): 50,
    ("web_servers.beyond_the_limit", "workers"): 1,
    ("web_servers.idle_connections", "architecture"): "event loop",
    ("web_servers.idle_connections", "idle"): 10,
    ("web_servers.idle_connections", "keep_alive"): 0.2,
    ("web_servers.idle_connections", "workers"): 20,
    ("web_servers.waiting_connections", "workers"): 50,
}
"""Which value says most, or what a machine with one CPU allows, where it is not the farther end of the control."""
RUN_S, SLICES, LONGER = 0.3, 2, 4
LENGTH = {
    ("eviction_and_stampedes.all_sizes", "policy"): (0.0, 9),
    ("eviction_and_stampedes.all_sizes", "sample"): (0.0, 20),
    **{("eviction_and_stampedes.what_to_evict", name): (0.0, 9) for name in ("policy", "capacity", "trace", "skew")},
    ("eviction_and_stampedes.expiry", "expiry"): (0.9, 2),
    ("eviction_and_stampedes.stampede", "cure"): (1.0, 2),
    ("eviction_and_stampedes.stampede", "query"): (1.0, 2),
    ("eviction_and_stampedes.stampede", "ttl"): (1.0, 2),
    ("caching_strategies.restart", "cure"): (1.3, 2),
    ("caching_strategies.restart", "keys"): (1.3, 2),
    ("caching_strategies.kill", "flush"): (1.5, 8),
    ("caching_strategies.kill", "keys"): (1.5, 8),
    ("caching_strategies.kill", "rate"): (1.0, 8),
    ("caching_strategies.kill", "strategy"): (1.0, 8),
    ("measuring_latency.percentile_methods", "samples"): (1.0, 2),
    ("measuring_throughput.counting", "incident"): (1.7, 2),
    ("raising_throughput.more_machines", "routing"): (1.0, 2),
    ("raising_throughput.more_machines", "kind"): (1.0, 2),
    ("raising_throughput.scaling_law", "locked"): (3.3, 11),
    ("raising_throughput.which_strategy", "rate"): (0.0, 2),
    ("tails_and_overload.storm", "retries"): (0.9, 2),
    ("tails_and_overload.storm", "stall"): (0.9, 2),
    ("tails_and_overload.storm", "cure"): (0.9, 2),
    ("raising_throughput.which_strategy", "wait"): (0.0, 2),
    ("raising_throughput.which_strategy", "writes"): (0.0, 2),
    ("raising_throughput.which_strategy", "pages"): (0.0, 7),
    ("tails_and_overload.fan_out", "hedge"): (2.5, 2),
    **{("trade_off.advice", name): (0.0, 8) for name in ("clients", "commits")},
    ("trade_off.cheapest", "clients"): (0.0, 12),
    **{("trade_off.switchboard", name): (0.0, 7) for name in ("batching", "cache", "server", "compression")},
    ("tails_and_overload.fan_out", "hedges"): (2.5, 2),
    **{("web_servers.beyond_the_limit", name): (2.7, 2) for name in ("load", "workers", "wait", "backlog")},
    **{("web_servers.idle_connections", name): (1.3, 2) for name in ("architecture", "idle", "keep_alive", "workers")},
}
"""Runs (s, and slices at least) in which what the control does comes late, or that must not end between two strategies."""
CLICKED, CLICKS = (0.2, 0.4, 1.0, 2.0), 6
"""Parts of a lab's budget after which its question may be settled: mostly long before the end, on a busy machine after it, or by
one of the next clicks.
"""


@dataclass(frozen=True)
class Pair:
    """Two runs that differ in one control."""

    near: Measured
    far: Measured


@cache
def constants(name: str) -> Mapping[str, Any] | None:
    """What the lab's calibration found, once."""
    return constants_of(LABS[name]())


def far_value(control: Control) -> Any:
    """The end of a control that is farther from its start."""
    values = list(control.values)
    at = values.index(control.start)
    return values[0] if at > len(values) - 1 - at else values[-1]


def settings(name: str, control: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters with the control at its start and at its far end, the others where it has most to say."""
    lab, this = LABS[name](), (name, control)
    others = TELLING.get(this, {})
    far = FAR.get(this, far_value(lab.controls[control]))
    return lab.check(others), lab.check({**others, control: far})


def run(
    name: str, parameters: Mapping[str, Any] | None = None, length: tuple[float, int] = (RUN_S, SLICES)
) -> Measured:
    """The run of the corpus with these parameters, the start settings by default; measured when it is first asked for."""
    lab = LABS[name]()
    return _run(name, tuple(lab.check(parameters or {}).items()), *length)


def pair(name: str, control: str) -> Pair:
    """The runs of the corpus that show what a control does."""
    return Pair(*(run(name, each, LENGTH.get((name, control), (RUN_S, SLICES))) for each in settings(name, control)))


def pair_again(name: str, control: str) -> Pair:
    """As `pair`, measured anew."""
    length = LENGTH.get((name, control), (RUN_S, SLICES))
    return Pair(*(_measured(name, each, *length) for each in settings(name, control)))


def record_of(lab: Lab, parameters: Mapping[str, Any], measured: Measured, status: Any = "complete") -> Record:
    """A run of the corpus as the lab would keep it."""
    return Record(lab.name, lab.check(parameters), SEED, "2026-01-01", measured.frame, RUN_S, status)


@dataclass(frozen=True)
class Click:
    """The runs that a click on the question has measured, as far as it took to settle it; and what was found."""

    records: tuple[Record, ...]
    outcome: Outcome | None


def question(name: str) -> Prediction:
    """What the lab asks."""
    prediction = LABS[name]().prediction
    assert prediction is not None
    return prediction


@cache
def click(name: str) -> Click:
    """What a click on any choice measures, in turns as the session does."""
    lab, prediction = LABS[name](), question(name)
    budgets_s = [share * lab.budget_s for share in CLICKED]
    for seed in range(1, CLICKS + 1):
        for records in growing_together(lab, *prediction.runs, seed=seed, budgets_s=budgets_s):
            trusted = [record for record in records if lab.may_settle(record)]
            outcome = prediction.outcome(trusted, lab.check)
            if outcome is not None:
                return Click(records, outcome)
    return Click(records, None)


@cache
def _run(name: str, parameters: tuple[tuple[str, Any], ...], seconds: float, fewest: int) -> Measured:
    return _measured(name, dict(parameters), seconds, fewest)


def _measured(name: str, parameters: Mapping[str, Any], seconds: float, fewest: int) -> Measured:
    """Where a run is too short for this machine to bring anything that the lab can speak of, a longer one is measured."""
    lab = LABS[name]()
    for longer in (1, LONGER, LONGER**2):
        measured = measure_slices(lab, longer * seconds, fewest=longer * fewest, **parameters)
        if lab.verdict(record_of(lab, parameters, measured), None).kind != INVALID:
            break
    return measured
