"""What a rule advises that reads a mean response time, and what its presets do to mean and throughput of a closed loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.chapters.trade_off.plane import PER_S, capacity_text, change, latency_text, middle
from perflab.chapters.trade_off.switchboard_model import ALL_OFF, FAST, MANY, PRESETS, UNTIMED, limits_of, mean_ns
from perflab.lab import Record
from perflab.measure import Estimate, Ratio, number

LIMIT_MS = 200
MEAN, COMMITS = "mean_ns", "commits"
"""Of the requests of a round: their mean response time (ns), and how many commits were made for each."""
NO_LEVER, NO_TIMER = "everything off", "without a timer"
SIDES = {NO_LEVER: ALL_OFF, **PRESETS, NO_TIMER: UNTIMED}
ADVICE = {FAST: "latency", MANY: "throughput"}
"""What the rule says, by the preset that one would take then."""
CLIENTS = np.unique(np.geomspace(1, 100, 13).astype(int))
CHANGED = [name for name in SIDES if name != NO_LEVER]
ROWS = tuple(f"{name} · {what}" for name in CHANGED for what in ("mean", "requests/s"))


def advice_for(mean: float) -> str:
    """The rule: optimise for latency where the mean response time (ns) is above its limit, else for throughput."""
    return FAST if mean > 1e6 * LIMIT_MS else MANY


def other_than(preset: str) -> str:
    """The other preset."""
    return MANY if preset == FAST else FAST


def mean_of(run: Record, name: str) -> float:
    """The mean response time (ns) with a setting."""
    return middle(run, name + MEAN).value


def advised(run: Record) -> str | None:
    """The preset that the rule advises; None where the interval of the mean has its limit in it, or nothing was measured."""
    found = middle(run, NO_LEVER + MEAN)
    ends = [found.low, found.high] if found.has_interval else [found.value]
    said = {advice_for(end) for end in ends if np.isfinite(end)}
    return said.pop() if len(said) == 1 else None


def both_said(run: Record, name: str) -> str:
    """Mean response time and requests per second with a setting."""
    return f"{latency_text(middle(run, name + MEAN))}; {capacity_text(middle(run, name + PER_S))}"


def clients_named(chosen: Mapping[str, Any]) -> str:
    """How many clients."""
    return f"{chosen['clients']} client{'s' * (chosen['clients'] > 1)}"


def changes_of(run: Record) -> dict[str, Ratio]:
    """Row by row, how many times the number with everything off."""
    pairs = [(name, column) for name in CHANGED for column in (MEAN, PER_S)]
    ratios = (change(run, column, name, NO_LEVER) for name, column in pairs)
    return {row: ratio for row, ratio in zip(ROWS, ratios, strict=True) if ratio is not None}


def advice_in_rows(runs: Sequence[Record]) -> list[str]:
    """Which preset the rule advises, in its rows."""
    chosen = advised(runs[-1]) if runs else None
    return ["advised" if chosen is not None and row.startswith(chosen) else "" for row in ROWS]


def clients_said(run: Record) -> str:
    """Of each setting how many clients throughput and mean make, by Little's law."""
    found = (middle(run, name + PER_S).value * mean_of(run, name) / 1e9 for name in SIDES)
    return "; ".join(number(clients) for clients in found)


def commits_said(run: Record) -> str:
    """Of each setting how many commits were made for a request."""
    return "; ".join(number(middle(run, name + COMMITS).value) for name in SIDES)


@dataclass(frozen=True)
class Expected:
    """Mean response times (ns) for each of `CLIENTS`, by setting; what each preset should change, row by row."""

    means: Mapping[str, list[float]]
    changes: Mapping[str, Estimate]


def predict(clients: int, commits: int, constants: Mapping[str, Any]) -> Expected:
    """R = max(R₁, N/X) with the X of so many clients, and X = N/R."""

    def mean(name: str, number: int) -> float:
        return mean_ns(limits_of(SIDES[name], constants, number, commits), number)

    means = {name: [mean(name, each) for each in CLIENTS.tolist()] for name in SIDES}
    base, changes = mean(NO_LEVER, clients), {}
    for name in CHANGED:
        longer = mean(name, clients) / base
        for what, times in (("mean", longer), ("requests/s", 1 / longer)):
            changes[f"{name} · {what}"] = Estimate(times, min(1.0, times), max(1.0, times))
    return Expected(means, changes)
