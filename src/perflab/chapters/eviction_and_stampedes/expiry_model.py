"""Entries that expire, at the same time or spread: the reads of a run simulated, and what freshness costs in the long run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record, Verdict
from perflab.lab.moments import OPEN, SERVED, Moments
from perflab.measure import count, duration, poisson
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.theory.ttl import mean_age, store_load, zipf

RUN_S, QUERY_MS, SKEW, BIN_S = 2.4, 2, 0.8, 0.1
ALIGNED, JITTERED = "the same TTL", "TTL ± 50%"
JITTER = {ALIGNED: 0.0, JITTERED: 0.5}
TTLS_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
CURVE_S = np.geomspace(TTLS_S[0] / 2, TTLS_S[-1] * 1.5, 50)
EDGES_S = np.arange(0, RUN_S + BIN_S / 2, BIN_S)
BINS_S = (EDGES_S[:-1] + EDGES_S[1:]) / 2
SEEDS = range(1, 5)
STORE_PER_S, PILE = 1e3 / QUERY_MS, 10


@dataclass(frozen=True)
class Reads:
    """When each read is due (ns), its key, and how long (ns) an entry that it fills lives, all of shape (n,). `first_ns`: how
    long the entries live that are there at the start.
    """

    due_ns: NDArray[np.int64]
    keys: NDArray[np.int64]
    lives_ns: NDArray[np.int64]
    first_ns: NDArray[np.int64]


def reads_of(ttl: float, expiry: str, keys: int, rate: int, seed: int) -> Reads:
    """The reads of a run: Poisson, popularity by Zipf."""
    due_ns, random = poisson(rate, RUN_S, seed), np.random.default_rng((seed, 1))
    spread = JITTER[expiry]
    asked = random.choice(keys, due_ns.size, p=zipf(keys, SKEW))
    lives = (1e9 * ttl * random.uniform(1 - spread, 1 + spread, due_ns.size + keys)).astype(np.int64)
    return Reads(due_ns, asked, lives[keys:], lives[:keys])


def simulated(reads: Reads, queries_ns: Iterator[float], until_s: float = RUN_S) -> Frame:
    """Such a run, in the columns of a measured one. One thread serves in the order of arrival; a hit takes no time, a query the
    next of `queries_ns`.
    """
    free, expires, filled = 0.0, reads.first_ns.tolist(), [0.0] * reads.first_ns.size
    rows = []
    asked = zip(reads.due_ns.tolist(), reads.keys.tolist(), reads.lives_ns.tolist(), strict=True)
    for due, key, lives in asked:
        began = max(due, free)
        if is_miss := began >= expires[key]:
            free = filled[key] = began + next(queries_ns)
            expires[key] = free + lives
        done = max(began, free)
        rows.append((began, done, is_miss, done - filled[key]))
    return frame_of(reads, 0, np.array(rows or np.empty((0, 4)), float), -1, 1e9 * until_s)


def counted(reads: Reads, query_ns: float) -> tuple[list[float], float]:
    """Of `simulated` with queries of one length: when those began (ns) that ended within the run, and the mean age (ns)."""
    free, expires, filled = 0.0, reads.first_ns.tolist(), [0.0] * reads.first_ns.size
    missed, ages, until_ns = list[float](), list[float](), 1e9 * RUN_S
    for due, key, lives in zip(reads.due_ns.tolist(), reads.keys.tolist(), reads.lives_ns.tolist(), strict=True):
        done = due if due > free else free
        if done >= expires[key]:
            missed.append(done)
            done = free = filled[key] = done + query_ns
            expires[key] = done + lives
        if done <= until_ns:
            ages.append(done - filled[key])
    while missed and missed[-1] + query_ns > until_ns:
        missed.pop()
    return missed, float(np.mean(ages))


def frame_of(reads: Reads, since: int, rows: NDArray[np.float64], told_ns: float, until_ns: float) -> Frame:
    """A frame of what happened after `told_ns`, up to `until_ns`. Rows, of reads from number `since` on: when each began and was
    done (ns), whether it missed, and the age (ns) of what it got.

    Columns: "arrived_s", when reads were due, answered or not. Of those that were answered, in this order, "began_s",
    "latency_ns" since they were due, and "age_ns". Of those that missed "missed_s", when a query began, and "query_ns".
    """
    rows = rows[rows[:, 1] <= until_ns]
    began, done, missed, age = rows.T
    due, misses = reads.due_ns[since : since + len(rows)], missed.astype(bool)
    columns: dict[str, Any] = {
        "arrived_s": reads.due_ns[(reads.due_ns > told_ns) & (reads.due_ns <= until_ns)] / 1e9,
        "began_s": began / 1e9,
        "latency_ns": done - due,
        "age_ns": age,
        "missed_s": began[misses] / 1e9,
        "query_ns": (done - began)[misses],
    }
    return Frame(columns, {"calls": len(rows), "queries": int(misses.sum())}, {"elapsed_s": until_ns / 1e9})


@dataclass(frozen=True)
class Expected:
    """By simulation: queries per second in each of `BINS_S` and over the run, and the mean age (ns). In the long run: ages (ns)
    and queries per second at each of `CURVE_S`.
    """

    over_time: NDArray[np.float64]
    queries_per_s: float
    age_ns: float
    ages_ns: NDArray[np.float64]
    loads_per_s: NDArray[np.float64]


@lru_cache(maxsize=128)
def predict(ttl: float, expiry: str, keys: int, rate: int) -> Expected:
    """The mean of simulated runs, and the long run in closed form."""
    runs = [counted(reads_of(ttl, expiry, keys, rate, seed), 1e6 * QUERY_MS) for seed in SEEDS]
    over_time = np.mean([per_s(np.array(missed_ns) / 1e9) for missed_ns, _ in runs], 0)
    age = float(np.mean([age_ns for _, age_ns in runs]))
    return Expected(over_time, float(over_time.mean()), age, *curves(expiry, keys, rate))


@lru_cache(maxsize=32)
def curves(expiry: str, keys: int, rate: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The `long_run` at `CURVE_S`, the same for all TTLs; NaN where the store cannot do it."""
    ages, loads = long_run(expiry, keys, rate, CURVE_S)
    return ages, np.where(loads < STORE_PER_S, loads, np.nan)


def long_run(expiry: str, keys: int, rate: float, ttls_s: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean age (ns) and queries per second at each of these TTLs."""
    popularity = zipf(keys, SKEW)
    ages = [1e9 * mean_age(rate, popularity, ttl, JITTER[expiry]) for ttl in ttls_s]
    return np.array(ages), np.array([store_load(rate, popularity, ttl) for ttl in ttls_s])


def moments(record: Record) -> Moments | None:
    """Reads wait for the one thread, and are at work for as long as it looks into the cache or asks the store."""
    due_s, latency_ns = record.column("arrived_s"), record.column("latency_ns")
    if not due_s.size:
        return None
    answered = latency_ns.size  # in the order in which they were due
    started_s, done_s, became = np.full(due_s.size, np.nan), np.full(due_s.size, np.nan), np.full(due_s.size, OPEN)
    started_s[:answered], done_s[:answered] = (
        record.column("began_s"),
        (np.round(1e9 * due_s[:answered]) + latency_ns) / 1e9,
    )
    became[:answered] = SERVED
    return Moments(due_s, due_s, started_s, done_s, done_s, became, 0 * became, record.fact("elapsed_s", 0.0))


def per_s(moments_s: Any) -> NDArray[np.float64]:
    """Moments counted in bins, per second."""
    return np.histogram(moments_s, EDGES_S)[0] / BIN_S


def over_time(record: Record) -> tuple[Any, Any]:
    """Queries per second in each bin; NaN in those that have not ended."""
    found = per_s(record.column("missed_s"))
    return BINS_S, np.where(EDGES_S[1:] <= record.fact("elapsed_s", 0.0) + 1e-9, found, np.nan)


def queries_per_s(record: Record) -> float:
    """Queries at the store per second; NaN before any time has passed."""
    return record.column("missed_s").size / (record.fact("elapsed_s", 0.0) or np.nan)


def most_per_s(record: Record) -> float:
    """Queries per second in the fullest bin."""
    return float(per_s(record.column("missed_s")).max())


def age_ns(record: Record) -> float:
    """Mean age of what the reads got."""
    ages = record.column("age_ns")
    return float(ages.mean()) if ages.size else np.nan


def waits_ns(record: Record) -> NDArray[np.float64]:
    """How long the reads that are due and have no answer have waited so far."""
    elapsed_s, open_s = record.fact("elapsed_s", 0.0), record.column("arrived_s")[record.column("latency_ns").size :]
    return np.asarray(1e9 * (elapsed_s - open_s), float)


def responses_ns(record: Record) -> NDArray[np.float64]:
    """Response times of all reads that were due; so far, where there is no answer yet."""
    return np.concatenate([record.column("latency_ns"), waits_ns(record)])


def p99_ns(record: Record) -> float:
    """The p99 of these."""
    times = responses_ns(record)
    return percentile(times, 0.99) if times.size else np.nan


def needed_per_s(record: Record) -> float:
    """Queries per second that these entries cost in the long run."""
    chosen = record.parameters
    return store_load(chosen["rate"], zipf(chosen["keys"], SKEW), chosen["ttl"])


def is_saturated(record: Record) -> bool:
    """Whether more queries are due than the store has time for, as long as they took here, and reads pile up."""
    queries_ns = record.column("query_ns")
    piled_up = queries_ns.size > 0 and waits_ns(record).size > PILE
    return piled_up and needed_per_s(record) * float(queries_ns.mean()) > 1e9


def saturated_text(record: Record) -> str:
    """What a store does that has too much to do."""
    needed, ran = count(needed_per_s(record)), count(queries_per_s(record))
    waiting = f"{count(waits_ns(record).size)} of {count(record.column('arrived_s').size)} reads still wait"
    return f"The store is saturated: {needed} queries/s are needed, {ran} ran, and {waiting}."


def saturated(record: Record) -> Verdict | None:
    """Such a store has no response time."""
    return Verdict(f"{saturated_text(record)} The response time only grows.") if is_saturated(record) else None


def responses_text(record: Record) -> str:
    grows = ", and growing" if is_saturated(record) else ""
    return f"{duration(percentile(responses_ns(record), 0.5))}; {duration(p99_ns(record))}{grows}"


def replayed(record: Record) -> Record:
    """The same reads in the simulation, with the query times of this run, of which there are some."""
    reads, queries = reads_of(**record.parameters, seed=record.seed), cycle(record.column("query_ns").tolist())
    return replace(record, frame=simulated(reads, queries, record.fact("elapsed_s", 0.0)))


def replay_text(record: Record) -> str:
    """Queries per second and p99 of the simulation."""
    if not record.column("query_ns").size:
        return ""
    (load, p99), (measured, measured_p99) = (
        (count(queries_per_s(each)), duration(p99_ns(each))) for each in (replayed(record), record)
    )
    return f"{load}/s, p99 {p99}; measured {measured}/s, {measured_p99}"
