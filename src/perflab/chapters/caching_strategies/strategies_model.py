"""What each strategy should take: hits by renewal, mean times as sums of parts; beside what is often written about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure import Frame, duration, number, percent, percentile
from perflab.measure.units import DASH
from perflab.systems.caches.strategies import (
    AHEAD,
    ASIDE,
    BUFFER,
    READ_THROUGH,
    REFRESH_AHEAD,
    WRITE_BEHIND,
    WRITE_THROUGH,
)
from perflab.systems.servers.cached_store import BURST, KEYS, PAUSE_S, TTL, CachedStore
from perflab.theory.caching import (
    hits_where_reads_refresh,
    hits_where_writes_delete,
    hits_where_writes_fill,
    mean_read,
    mean_write_behind,
    writes_until,
)
from perflab.theory.ttl import zipf

ORDER = (ASIDE, READ_THROUGH, REFRESH_AHEAD, WRITE_THROUGH, WRITE_BEHIND)
"""As the rows of the chart: two for each strategy, reads and writes."""
HIT, MISS, WRITE = "hit_ns", "miss_ns", "write_ns"
PROBES, PROBE_S = 5, 0.1


def calibrate() -> Iterator[Frame]:
    """What the parts take on this machine (ns, means), as in a run: after a pause a request finds the CPU's caches cold."""
    parts: dict[str, list[NDArray[np.int64]]] = {}
    for strategy in (ASIDE, WRITE_BEHIND):
        with CachedStore(strategy, 0.2, 1.0, 0.0, 1) as cached:
            found = [cached.load(PROBE_S) for _ in range(PROBES)]
            parts[strategy] = [
                np.concatenate(each)
                for each in zip(*((part.hit_ns, part.miss_ns, part.write_ns) for part in found), strict=True)
            ]
            yield Frame(facts=cached.probe())
    hit, miss, write = (mean(times) for times in parts[ASIDE])
    behind = percentile(parts[WRITE_BEHIND][2], 0.5)  # without those that found the buffer full
    yield Frame(facts={"hit_ns": hit, "miss_ns": miss, "commit_ns": write, "behind_ns": behind})


@dataclass(frozen=True)
class Expected:
    """Mean times (ns), rows as in `ORDER`, by the model and by what is often written; hit ratios by strategy."""

    means: NDArray[np.float64]
    often_written: NDArray[np.float64]
    hits: Mapping[str, float]


def hit_ratios(writes: float, skew: float) -> dict[str, float]:
    """The share of reads that hit, by strategy."""
    popularity = zipf(KEYS, skew)
    asked = (1 - writes) * popularity, writes * popularity, TTL
    deleted, filled = hits_where_writes_delete(*asked), hits_where_writes_fill(*asked)
    refreshed = hits_where_reads_refresh(*asked, AHEAD)
    by_strategy = (deleted, deleted, refreshed, filled, filled)
    return {name: float(popularity @ hits) for name, hits in zip(ORDER, by_strategy, strict=True)}


def predict(strategy: str, writes: int, skew: float, store: float, constants: Mapping[str, Any]) -> Expected:
    """Of all strategies, since a chart shows them side by side."""
    share, hits = writes / 100, hit_ratios(writes / 100, skew)
    wait = 1e6 * store + constants["late_ns"] if store else 0.0
    cache, put = constants["hit_ns"], constants["behind_ns"]
    read, write = wait + constants["miss_ns"] - cache, wait + constants["commit_ns"]  # both with the fill
    reads = [mean_read(hits[name], cache, read, 0.0) for name in ORDER]
    # The client rests after each burst, so a buffer has that long to be emptied, too.
    each = (1 - share) * reads[-1] + share * put + (1e9 * PAUSE_S + constants["late_ns"]) / BURST
    held = writes_until(zipf(KEYS, skew), BUFFER)
    behind = mean_write_behind(put, write + BUFFER * constants["row_ns"], held, held * each / share)
    means = zip(reads, (write, write, write, write + cache, behind), strict=True)
    plain = [hits[name] * cache + (1 - hits[name]) * read for name in ORDER[:2]]
    often = zip((*plain, cache, cache, cache), (write, write, write, max(cache, write), cache), strict=True)
    return Expected(np.array([*means]).ravel(), np.array([*often]).ravel(), hits)


def reads_of(run: Record) -> NDArray[Any]:
    """Times of all reads (ns), hits first."""
    return np.concatenate([run.column(HIT), run.column(MISS)])


def hit_ratio(run: Record) -> float:
    """Share of reads that hit; NaN before the first."""
    reads = reads_of(run).size
    return run.column(HIT).size / reads if reads else np.nan


def mean(times: NDArray[Any]) -> float:
    """The mean (ns); NaN of nothing."""
    return float(times.mean()) if times.size else np.nan


def means_of(run: Record) -> Any:
    """The mean times of reads and writes, in the rows of the strategy."""
    row = 2 * ORDER.index(run.parameters["strategy"])
    return [mean(reads_of(run)), mean(run.column(WRITE))], [row, row + 1]


def percentiles_said(times: NDArray[Any], share: float) -> str:
    """A percentile as text."""
    return duration(percentile(times, share)) if times.size else DASH


def read_percentiles(run: Record) -> str:
    """p50 and p99 of the reads."""
    return "; ".join(percentiles_said(reads_of(run), share) for share in (0.5, 0.99))


def write_percentiles(run: Record) -> str:
    """p50 and p99 of the writes."""
    return "; ".join(percentiles_said(run.column(WRITE), share) for share in (0.5, 0.99))


def read_means(run: Record) -> str:
    """The mean read: measured, and by the formula with the hit ratio of this run and this machine's parts."""
    if not run.constants:
        return duration(mean(reads_of(run)))
    wait, known = 1e6 * run.parameters["store"], run.constants
    store = known["miss_ns"] - known["hit_ns"] + (wait + known["late_ns"] if wait else 0.0)
    formula = mean_read(hit_ratio(run), known["hit_ns"], store, 0.0)
    return f"{duration(mean(reads_of(run)))}; {duration(formula)}"


def hits_said(run: Record) -> str:
    """The hit ratio: measured, and by the model."""
    chosen = run.parameters
    expected = hit_ratios(chosen["writes"] / 100, chosen["skew"])[chosen["strategy"]]
    return f"{percent(hit_ratio(run))}; {percent(expected)}"


def times_a_hit(run: Record) -> float:
    """How many times as long as a hit (median) a read takes on average; NaN without hits."""
    hits = run.column(HIT)
    return mean(reads_of(run)) / percentile(hits, 0.5) if hits.size else np.nan


def coalesced_said(run: Record) -> str:
    """How many writes a row that was written behind stands for; a dash where none was."""
    rows, flushes = run.count("rows"), run.count("flushes")
    if not flushes:
        return DASH
    return f"{number(rows / flushes)}; {number(run.column(WRITE).size / rows)}"
