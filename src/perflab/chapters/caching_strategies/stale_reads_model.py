"""Stale reads: the very steps of readers and writers on a virtual schedule, and how often a write overtakes a fill."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import lru_cache

import numpy as np

from perflab.lab import Record
from perflab.measure import percent
from perflab.measure.percentiles import rank_interval
from perflab.systems.caches.races import (
    CHECKED,
    DELETE_FIRST,
    ORDERS,
    THROUGH,
    WRITE_FIRST,
    WRITE_PAUSE_S,
    Race,
    Rule,
    delete_and_note,
    fill_if_newer,
)
from perflab.systems.servers.racing import COUNTS
from perflab.theory import stale_reads as theory
from perflab.theory.caching import overtaken_at_random
from perflab.theory.stale_reads_means import SLICE_S, Row, Spread, at

RULES_SLICES = 24
"""Of a run with a learner's rules, twice as long as the lab's."""
KINDS = {DELETE_FIRST: theory.DELETE_FIRST, WRITE_FIRST: theory.WRITE_FIRST, THROUGH: theory.THROUGH}
STALE, READS, WRONG, ENTRIES = "stale", "reads", "wrong", "entries"


class Dictionary:
    """A store of versions in memory."""

    def __init__(self) -> None:
        self._versions: Counter[int] = Counter()

    def read(self, key: int) -> int:
        return self._versions[key]

    def raise_version(self, key: int) -> int:
        self._versions[key] += 1
        return self._versions[key]


def simulated(
    order: str,
    store_ms: float,
    keys: int,
    writers: int,
    seed: int,
    slices: int,
    fill: Rule | None = None,
    delete: Rule | None = None,
) -> dict[str, int]:
    """The counts of such a run on a virtual schedule, where a step takes no time."""
    rules = fill or fill_if_newer, delete or delete_and_note
    race = Race(order, keys, store_ms / 1e3, Dictionary(), seed, *rules)
    race.warm()
    sums = dict.fromkeys((*COUNTS, WRONG, ENTRIES), 0)
    now = 0.0
    for turn in range(1, slices + 1):
        until = now + SLICE_S
        clients = race.clients(writers, turn, lambda: now >= until)  # noqa: B023
        due = [(now + next(steps), place, steps) for place, (steps, _) in enumerate(clients)]
        heapq.heapify(due)
        while due:
            now, place, steps = due[0]
            wait_s = next(steps, None)
            if wait_s is None:
                heapq.heappop(due)
            else:
                heapq.heapreplace(due, (now + wait_s, place, steps))
        counted = [*map(sum, zip(*(astuple(tally) for _, tally in clients), strict=True)), *race.wrong()]
        for name, found in zip(sums, counted, strict=True):
            sums[name] += found
    return sums


@dataclass(frozen=True)
class Expected:
    """Of each order: the share of stale reads, and of entries that are wrong at rest."""

    stale: Mapping[str, Spread]
    wrong: Mapping[str, Spread]


def predict(
    order: str, store: float, keys: int, writers: int, fill: Rule | None = None, delete: Rule | None = None
) -> Expected:
    """Of all orders, since a chart shows them side by side."""
    return expected(store, keys, writers, fill, delete)


@lru_cache(maxsize=64)
def expected(store: float, keys: int, writers: int, fill: Rule | None, delete: Rule | None) -> Expected:
    """Of many simulated runs; where a learner's rules are in the version check, of one."""
    rows = {order: at(kind, store, keys, writers) for order, kind in KINDS.items()}
    if fill or delete:
        run = simulated(CHECKED, store, keys, writers, 1, RULES_SLICES, fill, delete)
        found = share(run[STALE], run[READS]), share(run[WRONG], run[ENTRIES])
    else:
        found = 0.0, 0.0  # an entry is never older than what was acknowledged
    rows[CHECKED] = Row(*(Spread(each, each, each) for each in found))
    return Expected({name: rows[name].stale for name in ORDERS}, {name: rows[name].wrong for name in ORDERS})


def share(part: float, whole: float) -> float:
    """The share; NaN of nothing."""
    return part / whole if whole else np.nan


def stale_share(run: Record) -> float:
    """Share of stale reads."""
    return share(run.count(STALE), run.count(READS))


def wrong_share(run: Record) -> float:
    """Share of entries that are wrong once all clients have come to rest, of all moments of rest."""
    return share(run.count(WRONG), run.count(ENTRIES))


def more_stale(first: Record, second: Record) -> bool | None:
    """Whether the first of two runs that were measured in turns has more stale reads, by pairs of slices; None where these do not
    agree (95% interval of the median difference).
    """
    shares = [run.column("stale_share") for run in (first, second)]
    number = min(map(len, shares))
    differences = np.sort(shares[0][:number] - shares[1][:number])
    low, high = rank_interval(number, 0.5) if number else (None, None)
    if low is None or high is None or differences[low - 1] <= 0 <= differences[high - 1]:
        return None
    return bool(differences[low - 1] > 0)


def replayed_said(run: Record) -> str:
    """The share of stale reads in such a run on a virtual schedule."""
    chosen, slices = run.parameters, run.column("stale_share").size
    found = simulated(chosen["order"], chosen["store"], chosen["keys"], chosen["writers"], run.seed, slices)
    return f"{percent(share(found[STALE], found[READS]))}, measured {percent(stale_share(run))}"


def overtaken_said(run: Record) -> str:
    """Share of fills that a write of the same key overtook; and by the formula, where any fill is as likely as another to be."""
    chosen, fills = run.parameters, run.count("fills")
    if not fills:
        return ""
    said = percent(run.count("overtaken") / fills)
    if chosen["order"] not in (WRITE_FIRST, CHECKED):
        return said
    store_s = chosen["store"] / 1e3
    per_s = chosen["writers"] / (WRITE_PAUSE_S + store_s) / chosen["keys"]
    return f"{said}; {percent(overtaken_at_random(per_s, store_s))}"
