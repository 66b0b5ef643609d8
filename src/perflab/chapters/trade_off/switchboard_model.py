"""The switchboard: settings of one service, two presets, and where each lies on two loads."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from perflab.chapters.trade_off import service_limits
from perflab.chapters.trade_off.plane import ALONE, PER_S, change, direction, middle
from perflab.chapters.trade_off.service_limits import Limits
from perflab.chapters.trade_off.service_loads import LEVEL, OFF, conditions
from perflab.lab import Record, choice, switch
from perflab.lab.controls import Choice
from perflab.lab.rows import strokes
from perflab.measure import Ratio
from perflab.systems.clients.service import TTL_S
from perflab.systems.servers.group_commit import TIMER, WAITING

THREADS, COMMITS, LINK_MBITS, CLIENTS = 8, 4, 40, 24
SMALL_POOL, LARGE_POOL = 10, 100
SINGLE, TWENTY, FIFTY, AT_ONCE = "none", "20, or 20 ms", "50, or 20 ms", "what waits"
BATCHING: dict[str, dict[str, Any]] = {
    SINGLE: {},
    TWENTY: {"batch": TIMER, "size": 20},
    FIFTY: {"batch": TIMER, "size": 50},
    AT_ONCE: {"batch": WAITING},
}
"""How many requests share a commit: a batch of so many, or after 20 ms what there is; or what waits."""
POOLED, ASYNC, ASYNC_POOLED = f"threads, pool of {SMALL_POOL}", "async", f"async, pool of {LARGE_POOL}"
SERVERS: dict[str, dict[str, Any]] = {
    "threads": {},
    POOLED: {"pooled": True, "connections": SMALL_POOL},
    ASYNC: {"asynchronous": True},
    ASYNC_POOLED: {"asynchronous": True, "pooled": True, "connections": LARGE_POOL},
}

Chosen = Mapping[str, Any]
"""A value for each of `CONTROLS`."""
CONTROLS: dict[str, Choice] = {
    "batching": choice(list(BATCHING), menu=True),
    "cache": switch(False),
    "server": choice(list(SERVERS), menu=True, label="server"),
    "compression": switch(False),
}
SETTINGS: tuple[Chosen, ...] = tuple(
    dict(zip(CONTROLS, values, strict=True))
    for values in itertools.product(*(control.values for control in CONTROLS.values()))
)
ALL_OFF = SETTINGS[0]
FAST, MANY = "for latency", "for throughput"
PRESETS: dict[str, Chosen] = {
    FAST: {"batching": SINGLE, "cache": True, "server": POOLED, "compression": False},
    MANY: {"batching": FIFTY, "cache": True, "server": ASYNC_POOLED, "compression": True},
}
"""As they are often found: one has what is said to lower latency, the other what is said to raise throughput."""
UNTIMED: Chosen = {**PRESETS[MANY], "batching": AT_ONCE}


def settings_of(chosen: Chosen, commits: int = COMMITS) -> dict[str, Any]:
    """The settings of the service."""
    return {
        **OFF,
        **conditions(commits, LINK_MBITS, THREADS),
        **BATCHING[chosen["batching"]],
        **SERVERS[chosen["server"]],
        "ttl_s": TTL_S if chosen["cache"] else 0.0,
        "level": LEVEL if chosen["compression"] else 0,
    }


def name_of(chosen: Chosen) -> str:
    """A setting in words: what is on."""
    batching, server = chosen["batching"], chosen["server"]
    parts = {
        batching if batching == AT_ONCE else f"batches of {BATCHING[batching].get('size')}": batching != SINGLE,
        "cache": chosen["cache"],
        "async": "async" in server,
        "pool": "pool" in server,
        "compression": chosen["compression"],
    }
    return " + ".join(name for name, is_on in parts.items() if is_on) or "everything off"


def limits_of(chosen: Chosen, constants: Mapping[str, Any], clients: int = CLIENTS, commits: int = COMMITS) -> Limits:
    """What a setting should do, with so many clients that never rest."""
    return service_limits.limits_of(settings_of(chosen, commits), clients, constants)


def mean_ns(limits: Limits, clients: int) -> float:
    """The mean response time of a closed loop: R = max(R₁, N/X), by Little's law once something is the bottleneck."""
    return max(limits.mean_alone_ns, 1e9 * clients / limits.per_s)


@dataclass(frozen=True)
class Place:
    """Where a setting lies: how many times the capacity and the latency alone of the preset for latency, in the same rounds.

    It was measured in `run`, in the columns of `of`: a preset, or "" for the run's own setting.
    """

    name: str
    run: Record
    of: str
    more: Ratio
    later: Ratio

    def beats(self, other: Place) -> bool:
        """On both axes, beyond chance: round by round where one run has both, else beside the preset for latency."""
        if not (self.of or other.of or self.run is other.run):
            return self.more.low > other.more.high and self.later.high < other.later.low
        run = other.run if self.of else self.run
        more, later = (change(run, column, self.of, other.of) for column in (PER_S, ALONE))
        return more is not None and later is not None and more.low > 1 and later.high < 1


def places(runs: Sequence[Record]) -> list[Place]:
    """The presets, by the newest run that can tell, and of each other setting that was measured the newest run."""
    return list({place.name: place for run in runs for place in places_in(run)}.values())


@lru_cache(maxsize=len(SETTINGS))
def places_in(run: Record) -> tuple[Place, ...]:
    """The presets and the setting of a run, as far as it can tell."""
    found = []
    for of, chosen in {**PRESETS, "": run.parameters}.items():
        more, later = (change(run, column, of, FAST) for column in (PER_S, ALONE))
        if more is not None and later is not None and more.has_interval and later.has_interval:
            found.append(Place(name_of(chosen), run, of, more, later))
    return tuple(found)


def front_of(found: Sequence[Place]) -> list[Place]:
    """Those that no other beats on both axes, from the least capacity to the most."""
    best = [place for place in found if not any(other.beats(place) for other in found)]
    return sorted(best, key=lambda place: place.more.value)


def scale(runs: Sequence[Record]) -> tuple[float, float]:
    """Capacity and latency alone of the preset for latency in the newest run, beside which places are drawn."""
    if not runs:
        return np.nan, np.nan
    return middle(runs[-1], FAST + PER_S).value, middle(runs[-1], FAST + ALONE).value


def dots(runs: Sequence[Record], best: bool = False) -> tuple[list[float], list[float]]:
    """All places so far, or the front."""
    per_s, alone = scale(runs)
    found = front_of(places(runs)) if best else places(runs)
    return [per_s * place.more.value for place in found], [alone * place.later.value for place in found]


def across(runs: Sequence[Record]) -> Any:
    """The intervals of their capacities."""
    (per_s, _), found = scale(runs), places(runs)
    return strokes([per_s * each.more.low for each in found], [per_s * each.more.high for each in found], dots(runs)[1])


def upright(runs: Sequence[Record]) -> Any:
    """The intervals of their latencies."""
    (_, alone), found = scale(runs), places(runs)
    return dots(runs)[0], [alone * each.later.low for each in found], [alone * each.later.high for each in found]


def front_said(runs: Sequence[Record]) -> str:
    """How many of the settings so far are on the front."""
    found = places(runs)
    return f"on the front: {len(front_of(found))} of {len(found)} settings" if found else ""


def versus(run: Record, preset: str) -> tuple[Ratio | None, Ratio | None]:
    """How many times the capacity and the latency alone of a preset."""
    return change(run, PER_S, base=preset), change(run, ALONE, base=preset)


def ways(run: Record) -> tuple[list[int | None], list[int | None]]:
    """Which way capacity went, against each preset, and which way latency."""
    told = [[None if ratio is None else direction(ratio) for ratio in versus(run, preset)] for preset in PRESETS]
    return [more for more, _ in told], [later for _, later in told]


@dataclass(frozen=True)
class Expected:
    """The places of the setting and of the presets in the plane, and the requests/s that each resource allows the setting."""

    here: tuple[float, float]
    presets: Mapping[str, tuple[float, float]]
    limits: Mapping[str, float]


def predict(batching: str, cache: bool, server: str, compression: bool, constants: Mapping[str, Any]) -> Expected:
    """The model of a setting, and of both presets."""
    chosen = {"batching": batching, "cache": cache, "server": server, "compression": compression}
    found = limits_of(chosen, constants)
    return Expected(
        found.point, {name: limits_of(each, constants).point for name, each in PRESETS.items()}, found.limits
    )


RESOURCES = ("threads", "commits", "CPU", "link", "pool")
ENDS = (20.0, 2e4)


def bars(model: Expected) -> Any:
    """What each resource allows, as a bar in its row."""
    limits = {"threads": model.limits.get("clients"), **model.limits}  # for an event loop clients are what threads are
    rows = [row for row, name in enumerate(RESOURCES) if limits.get(name) is not None]
    return strokes([ENDS[0]] * len(rows), [min(limits[RESOURCES[row]] or 0.0, ENDS[1]) for row in rows], rows)
