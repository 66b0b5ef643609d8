"""From the size of a cache to the p99 of reads through it: hit ratio, load on the store, its queue; and what a run says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters import load as loads
from perflab.chapters.caching_strategies import cached_load
from perflab.chapters.caching_strategies.cached_load import CONSTANT, KEYS, Reads, is_from_store
from perflab.lab import Record
from perflab.measure.frame import Frame, merge
from perflab.measure.percentiles import percentile
from perflab.measure.schedule import constant
from perflab.measure.units import duration, percent
from perflab.systems.clients.attempts import Attempts, Patience
from perflab.systems.clients.streams import attempts_load
from perflab.systems.servers.staged_server import MULTIPLEXED, staged_server
from perflab.theory import che, miss_tail
from perflab.theory.ttl import zipf

RUN_S, SERVICE_MS, CAPACITY = 4.0, 20, 50
"""Length of a run, a read of the store, and how many of them it can do per second."""
CAPACITIES = (10, 20, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950, 1_000)
SIZES = np.union1d(CAPACITIES, np.linspace(10, KEYS, 34))
SEEDS = (47, 48, 49)
"""Three runs whose medians are near those of 60: 8% apart on average, over many settings."""
PROBES_PER_S, PROBING_S = 150, 0.5
SURE, WAITS = 0.99, 150
Floats = NDArray[np.float64]
too_late = partial(loads.too_late, limit_ns=0.5 * SERVICE_MS * 1e6)


def asked(skew: float, rate: int, kind: str, seed: int) -> Reads:
    """The reads of a run."""
    return cached_load.reads(rate, RUN_S, skew, kind, SERVICE_MS, seed)


def calibrate() -> Iterator[Frame]:
    """A hit's way to the server and back."""
    due_ns = constant(PROBES_PER_S, PROBING_S)
    with staged_server(("lru", {}), front=MULTIPLEXED, tells=False) as server:
        server.ask("warm", keys=[0])
        none = np.zeros(due_ns.size, np.int64)
        found = merge(attempts_load([server], Attempts(due_ns, Patience()), due_ns, none, PROBING_S, keys=none)).samples
    yield Frame(facts={"hit_ns": float(np.median(np.asarray(found["latency_ns"], float)))})


@dataclass(frozen=True)
class LongRun:
    """At `SIZES`: hit ratio, load on the store, and times of a read (ns): the mean, the p99, and the mean without a queue."""

    hit_ratio: Floats
    load: Floats
    mean_ns: Floats
    p99_ns: Floats
    unqueued_ns: Floats


@dataclass(frozen=True)
class Expected:
    """The long run; up to which size the store is `saturated`, from which on even the p99 is a hit's (`sure`); and mean and p99
    (ns) of runs as long as the lab's with the chosen `capacity`, simulated.
    """

    long_run: LongRun
    saturated: float
    sure: float
    capacity: int
    mean_ns: float
    p99_ns: float


def predict(capacity: int, skew: float, rate: int, kind: str, constants: Mapping[str, Any]) -> Expected:
    """By Che's approximation, Pollaczek and Khinchine, and the tails of M/D/1 and M/M/1."""
    found = _long_run(skew, rate, kind, constants["hit_ns"])
    mean_ns, p99_ns = constants["hit_ns"] + typical_ns(capacity, skew, rate, kind)
    saturated = float(np.interp(-1, -found.load, SIZES)) if found.load[0] > 1 else 0.0
    sure = float(np.interp(SURE, found.hit_ratio, SIZES))
    return Expected(found, saturated, sure, capacity, float(mean_ns), float(p99_ns))


def waiting_ns(expected: Expected) -> tuple[Floats, Floats, Floats]:
    """At sizes close together: from the mean as if no read had to wait to the mean, where the store keeps up."""
    found = expected.long_run
    sizes = np.linspace(SIZES[np.isfinite(found.mean_ns)][0], KEYS, WAITS)
    return sizes, np.interp(sizes, SIZES, found.unqueued_ns), np.interp(sizes, SIZES, found.mean_ns)


@lru_cache(maxsize=32)
def _long_run(skew: float, rate: int, kind: str, hit_ns: float) -> LongRun:
    hits = che.lru(zipf(KEYS, skew)).at(SIZES)
    hits[-1] = 1.0  # all keys fit
    load = load_of(hits, rate)
    is_constant, store_ns = kind == CONSTANT, 1e6 * SERVICE_MS
    with np.errstate(invalid="ignore"):  # no misses of a saturated store
        mean = (1 - hits) * miss_tail.mean_response(load, 1.0 if is_constant else 2.0)
    p99 = (miss_tail.percentile_constant if is_constant else miss_tail.percentile_exponential)(SURE, hits, load)
    times = (np.where(np.isfinite(each), hit_ns + store_ns * each, np.nan) for each in (mean, p99, 1 - hits))
    return LongRun(hits, load, *times)


def load_of(hit_ratio: Any, rate: float) -> Any:
    """Share of the time for which the misses keep the store busy: rate × (1 − h) × its service time."""
    return rate * (1 - hit_ratio) * SERVICE_MS / 1e3


@lru_cache(maxsize=128)
def typical_ns(capacity: int, skew: float, rate: int, kind: str) -> Floats:
    """Medians over simulated runs of their mean and p99."""
    return np.median([statistics_ns(simulated_ns(capacity, skew, rate, kind, seed)) for seed in SEEDS], axis=0)


def simulated_ns(capacity: int, skew: float, rate: int, kind: str, seed: int) -> Floats:
    """Times of those reads that are answered within such a run."""
    these, before = asked(skew, rate, kind, seed), cached_load.held(capacity, skew, seed)
    answered = cached_load.simulated(these, before, capacity).answered
    return np.asarray((1e9 * answered - these.due_ns)[answered <= RUN_S])


def statistics_ns(times_ns: Floats) -> Floats:
    """Mean and p99."""
    return np.array([times_ns.mean(), percentile(times_ns, SURE)]) if times_ns.size else np.full(2, np.nan)


def hit_ratio(run: Record) -> float:
    """Share of the requests due so far that the cache answered: all of these are answered at once."""
    return float(np.count_nonzero(~is_from_store(run)) / max(1, run.column("arrived_s").size))


def load_on_store(run: Record) -> float:
    """Share of the time for which the misses would keep the store busy, those not yet served included."""
    elapsed_s, served = run.fact("elapsed_s", 0.0), is_from_store(run)
    if not elapsed_s:
        return np.nan
    took_ns = (run.column("done_ns") - run.column("started_ns"))[served]
    mean_s = float(took_ns.mean()) / 1e9 if took_ns.size else SERVICE_MS / 1e3
    return (1 - hit_ratio(run)) * run.column("arrived_s").size * mean_s / float(elapsed_s)


def measured_ns(run: Record) -> Floats:
    """Mean and p99 of a run's responses."""
    return statistics_ns(run.column("latency_ns"))


def unqueued_ns(run: Record, hit_ns: float) -> float:
    """What h·T_c + (1 − h)·T_d says of a run: its mean, were there no queue."""
    return hit_ns + (1 - hit_ratio(run)) * 1e6 * SERVICE_MS


def hit_ns(run: Record) -> float:
    """Median time of the reads that hit; NaN where none did."""
    times = run.column("latency_ns")[~is_from_store(run)]
    return float(np.median(times)) if times.size else np.nan


def reads_per_s(run: Record) -> float:
    """Reads per second that reached the store."""
    return (1 - hit_ratio(run)) * loads.Load(run).offered_per_s


def is_saturated(run: Record) -> bool:
    """Whether the store could not keep up."""
    return loads.falls_behind(run, load_on_store(run), 1.0, 1)


def load_text(run: Record) -> str:
    """The load on the store."""
    return percent(load_on_store(run))


def tail_text(run: Record) -> str:
    """The p99, which has no end where the store cannot keep up."""
    return f"{duration(float(measured_ns(run)[1]))}{' and growing' if is_saturated(run) else ''}"


def effect_said(changed: str, record: Record, pinned: Record | None) -> str:
    """What the one control did in which the two runs differ: to the load on the store and the p99; "" where it did nothing."""
    if pinned is None or not pinned.column("latency_ns").size:
        return ""
    if changed == "kind":
        tails = [f"{tail_text(run)} with {run.parameters['kind']} service times" for run in (pinned, record)]
        return f"The p99 was {tails[0]}, {tails[1]}."
    of, what = (reads_offered, "more reads per second") if changed == "rate" else (hit_ratio, "more hits")
    less, more = sorted((pinned, record), key=of)
    if of(less) == of(more):
        return ""
    load, tail = (f"{text(less)} to {text(more)}" for text in (load_text, tail_text))
    return f"With {what}, the load on the store went from {load}, the p99 from {tail}."


def reads_offered(run: Record) -> float:
    """Reads per second that were asked for."""
    return float(run.parameters["rate"])


def times_text(run: Record) -> str:
    """Mean and p99, where they are those of the server."""
    return loads.NOT_SHOWN if too_late(run) else f"{duration(float(measured_ns(run)[0]))}; {tail_text(run)}"


def unqueued_text(run: Record) -> str:
    """What the formula without a queue says."""
    found = unqueued_ns(run, hit_ns(run))
    return duration(found) if np.isfinite(found) else "nothing: no read hit"


def replay_text(run: Record) -> str:
    """Mean and p99 of the same reads simulated, with a hit's time added; empty where the run was cut short."""
    chosen = {name: run.parameters[name] for name in ("capacity", "skew", "rate", "kind")}
    if run.fact("elapsed_s", 0.0) < 0.98 * RUN_S or not np.isfinite(hit_ns(run)):
        return ""
    found = hit_ns(run) + statistics_ns(simulated_ns(**chosen, seed=run.seed))
    return "; ".join(map(duration, found))
