"""Runs of the labs of notebook 08, simulated or made up, as they would record them."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.chapters.caching_strategies import kill, kill_model, stale_reads, strategies, which_cache_model
from perflab.chapters.caching_strategies.stale_reads_model import READS, STALE, share, simulated
from perflab.chapters.caching_strategies.strategies_model import HIT, MISS, WRITE
from perflab.lab import Record
from perflab.measure.frame import Frame, merge
from perflab.systems.servers.victim import BEHIND, Kill
from perflab.theory.caching import lost_writes, rows_per_commit
from perflab.theory.ttl import zipf

COSTS = {"hit_ns": 200.0, "miss_ns": 5_300.0, "commit_ns": 1e6, "behind_ns": 1e3, "row_ns": 1e3, "late_ns": 5e4}
COMMITS = {"commit_ns": 2e6, "kept_ns": 1e5, "row_ns": 1_000.0}
SLICES = 12


def stale_record(seed: int = 1, **changes: Any) -> Record:
    """A run on a virtual schedule, in slices that are runs of their own."""
    chosen = stale_reads.lab().check(changes)
    frames = []
    for number in range(SLICES):
        setting = chosen["order"], chosen["store"], chosen["keys"], chosen["writers"]
        found = simulated(*setting, seed=100 * seed + number, slices=3)
        counts = {"calls": found[READS] + found["writes"], **found}
        frames.append(Frame({"stale_share": np.array([share(found[STALE], found[READS])])}, counts))
    return Record("stale_reads", chosen, seed, "", merge(frames), 2.0, "complete")


def kill_record(lost: list[int] | None = None, **changes: Any) -> Record:
    """Kills that lose what the model says at equal steps, or so many writes."""
    chosen = kill.lab().check(changes)
    rate, flush_s = chosen["rate"], chosen["flush"] / 1e3
    if lost is None:
        ends = lost_writes(rate, flush_s, 0.002, 1e-4)
        lost = np.linspace(*ends, 12).astype(int).tolist() if chosen["strategy"] == BEHIND else [0] * 12
    frames = [frame_of(number, each, chosen) for number, each in enumerate(lost)]
    return Record("kill", chosen, 1, "", merge(frames), 4.0, "complete", constants=COMMITS)


def frame_of(number: int, lost: int, chosen: dict[str, Any]) -> Frame:
    """A kill 2.4 flush intervals after the begin."""
    flush_ns, rate = 1e6 * chosen["flush"], chosen["rate"]
    acknowledged = round(2.4 * flush_ns * rate / 1e9)
    commits = [(round(at * flush_ns), round(at * flush_ns + 2e6), round(at * flush_ns * rate / 1e9)) for at in (1, 2)]
    wrong = round(float(rows_per_commit(zipf(chosen["keys"], 1.0), lost)))
    found = Kill(acknowledged, lost, wrong, 0, round(2.4 * flush_ns), commits)
    return kill_model.frame_of(found, number, chosen["flush"], {})


def cache_record(
    hits: int = 900, misses: int = 100, writes: int = 250, write_ns: float = 3e6, **changes: Any
) -> Record:
    """Reads that hit in about 200 ns or miss in 2 ms, and writes of one length, scattered by 1%."""
    chosen = strategies.lab().check(changes)
    columns = {HIT: around(200, hits), MISS: around(2.1e6, misses), WRITE: around(write_ns, writes)}
    counts = {"calls": hits + misses + writes, "rows": 0, "flushes": 0}
    return Record("strategies", chosen, 1, "", Frame(columns, counts), 2.0, "complete", constants=COSTS)


COSTS_IN_PAIRS = {
    **{"SQLite": 5e3, "PostgreSQL": 45e3, "slow store": 2.1e6},
    **{f"dict, {store}, 100%": 200.0 for store in ("SQLite", "PostgreSQL", "slow store")},
    **{f"Redis, {store}, 100%": 15e3 for store in ("SQLite", "PostgreSQL", "slow store")},
    **{"dict, SQLite, 0%": 5.3e3, "dict, PostgreSQL, 0%": 45.3e3, "dict, slow store, 0%": 2.1003e6},
    **{"Redis, SQLite, 0%": 35e3, "Redis, PostgreSQL, 0%": 105e3, "Redis, slow store, 0%": 2.16e6},
}
"""ns, as on a calm machine."""


def which_record(
    through_ns: float | None = None, without_ns: float | None = None, rounds: int = 40, **changes: Any
) -> Record:
    """Rounds of reads through a cache and without it that scatter by 1% around what the model says, or around these."""
    chosen = {"cache": "Redis", "store": "SQLite", "hits": 95, **changes}
    expected = which_cache_model.mean_ns(**chosen, constants=COSTS_IN_PAIRS)
    through = around(through_ns or expected, rounds)
    without = around(without_ns or COSTS_IN_PAIRS[chosen["store"]], rounds)[::-1]
    single = around(through_ns or expected, 20 * rounds)
    reads = 20 * rounds
    counts = {"calls": reads, "reads": reads, "misses": reads - reads * chosen["hits"] // 100}
    columns = {which_cache_model.THROUGH: through, which_cache_model.WITHOUT: without, which_cache_model.SINGLE: single}
    return Record("which_cache", chosen, 1, "", Frame(columns, counts), 2.0, "complete", constants=COSTS_IN_PAIRS)


def around(middle: float, number: int) -> Any:
    """So many numbers, scattered evenly by 1%."""
    return np.round(middle * np.linspace(0.99, 1.01, number))
