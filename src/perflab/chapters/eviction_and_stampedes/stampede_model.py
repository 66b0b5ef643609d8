"""A hot key that expires: the same reads and rules on a virtual clock, and how many queries run for one expiry."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle, repeat
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure import count, duration, poisson
from perflab.measure.frame import Frame
from perflab.measure.machine import effective_cpus
from perflab.measure.percentiles import percentile
from perflab.systems.caches.hot_key import COMPUTE, HIT, REFRESH, STALE, WAIT, Cure, Early, HotKey, XFetch
from perflab.systems.clients.virtual_reads import VirtualReads
from perflab.systems.servers.hot_key_server import HotKeyServer
from perflab.systems.servers.policy import Policy
from perflab.theory import stampede as theory

THREADS, RUN_S, POOL, BETA = 64, 2.8, 2, 1.0
NONE, POOL_OF_2, SINGLE = "none", "pool of 2 connections", "single flight"
XFETCH, BOTH, STALE_TOO = "XFetch", "XFetch + single flight", "stale while revalidate"
YOURS, YOURS_SINGLE = "your rule", "your rule + single flight"
CURES: Mapping[str, Cure] = {
    NONE: Cure(),
    POOL_OF_2: Cure(places=POOL),
    SINGLE: Cure(single=True),
    XFETCH: Cure(early=XFetch(BETA)),
    BOTH: Cure(single=True, early=XFetch(BETA)),
    STALE_TOO: Cure(single=True, serves_stale=True),
}
SEEDS, AT_ONCE_NS = range(11, 16), 1e6


def cure_of(name: str, early: Early | None = None) -> Cure:
    """The rules of that name, two of which have a learner's rule."""
    return CURES[name] if name in CURES else Cure(single=name == YOURS_SINGLE, early=early)


def calibrate() -> Iterator[Frame]:
    """How many queries this machine runs at once in the time of one: what its CPUs are worth."""
    cpus = effective_cpus()
    threads = min(THREADS, max(1, math.ceil(cpus)))
    with HotKeyServer(threads, 10) as server:
        yield Frame(facts={"cpus": min(cpus, float(server.ask("speed_up", threads=threads)["times"]))})


def simulated(
    schedule_ns: NDArray[np.int64],
    cure: Cure,
    ttl_s: float,
    query_s: Iterator[float],
    cpus: float,
    seed: int,
    until_s: float = RUN_S,
) -> Frame:
    """Such a run, in the columns of a measured one (`hot_key_load`). `query_s` are the CPU times of its queries."""
    first_s = next(query_s)
    key = HotKey(cure, ttl_s, first_s, Random(seed).random)
    run = VirtualReads(key, cpus, cure.places, THREADS)
    arrived_s = schedule_ns[schedule_ns <= until_s * 1e9] / 1e9
    run.run(arrived_s.tolist(), query_s, until_s)
    number, began, done, kind = np.array(run.answered or np.empty((0, 4))).T
    of, started, ended, cpu = np.array(run.ended or np.empty((0, 4))).T
    number, begun = number.astype(int), np.array(run.begun or np.empty((0, 2)))
    columns: dict[str, Any] = {
        **{"arrived_s": arrived_s, "number": number, "kind": kind.astype(int), "completed_s": done},
        "latency_ns": 1e9 * (done - arrived_s[number]),
        "waited_ns": 1e9 * (began - arrived_s[number]),
        **{"begun_number": begun[:, 0].astype(int), "begun_s": begun[:, 1], "decided_s": np.array(run.decided)},
        **{"of_s": of, "began_s": started, "ended_s": ended, "cpu_ns": 1e9 * cpu},
    }
    facts = {"elapsed_s": until_s, "in_flight": arrived_s.size - number.size}
    return Frame(columns, {"calls": number.size}, facts)


GRID_S = np.arange(0, RUN_S + 0.01, 0.02)


@dataclass(frozen=True)
class Expected:
    """Of the `cure`, by simulation: reads that wait at each of `GRID_S` in a typical run, and queries `per_expiry` in the mean of
    runs. `closed` are queries per expiry of each cure that has a closed form.
    """

    cure: str
    waiting: NDArray[np.float64]
    per_expiry: float
    closed: Mapping[str, float]


def predict(
    cure: str, rate: int, query: int, ttl: float, constants: Mapping[str, Any], early: Early | None = None
) -> Expected:
    """Simulated runs, on as many CPUs as this machine's are worth; and closed forms for all cures."""
    return _expected(cure, rate, query, ttl, round(constants["cpus"], 2), early)


@lru_cache(maxsize=128)
def _expected(cure: str, rate: int, query: int, ttl: float, cpus: float, early: Early | None) -> Expected:
    found, rules = [], cure_of(cure, Policy("The rule", early) if early else None)
    for seed in SEEDS:
        frame = simulated(poisson(rate, RUN_S, seed), rules, ttl, repeat(query / 1e3), cpus, seed)
        run = Record("stampede", {}, seed, "", frame)
        arrived, completed = run.column("arrived_s"), np.sort(run.column("completed_s"))
        found.append((np.searchsorted(arrived, GRID_S) - np.searchsorted(completed, GRID_S), per_expiry(run)))
    waits, each = zip(*found, strict=True)
    # The mean would be lower and wider than any run: their peaks come at different moments. Those of `SEEDS` are usual ones.
    typical = sorted(waits, key=np.max)[len(waits) // 2]
    return Expected(cure, typical, float(np.mean(each)), closed_forms(rate, query / 1e3, cpus))


def closed_forms(rate: float, query_s: float, cpus: float) -> dict[str, float]:
    """Queries per expiry: without protection the CPUs are shared; a pool is a machine of its own where it has CPUs enough; XFetch
    takes each query for as long as it is alone.
    """
    pooled = 1 + rate * theory.first_end_s(rate, query_s, cpus, POOL)
    early = theory.computations_early_of(rate * BETA * query_s, BETA)
    alone = dict.fromkeys((SINGLE, BOTH, STALE_TOO), 1.0)
    sharing = theory.computations_sharing(rate, query_s, cpus, THREADS)
    return {NONE: sharing, POOL_OF_2: pooled, XFETCH: early, **alone}


def groups(record: Record) -> list[int]:
    """Queries run for each expiry: those that were decided on until the first of them had ended; a last group of which none
    has ended only where there is no other.
    """
    of, ended = record.column("of_s"), record.column("ended_s")
    decided, found = np.sort(record.column("decided_s")), list[int]()
    while decided.size and (ends := ended[of >= decided[0]]).size:
        found.append(int(np.searchsorted(decided, ends.min())))
        decided = decided[found[-1] :]
    return found or [decided.size] * (decided.size > 0)


def per_expiry(record: Record) -> float:
    """Queries per expiry; NaN before the first one."""
    return float(np.mean(groups(record) or np.nan))


def is_stampede(record: Record) -> bool:
    """Whether for one expiry clearly more queries ran than XFetch lets run and than come during one, and reads paid for it."""
    chosen = record.parameters
    apart = theory.computations_apart(chosen["rate"], chosen["query"] / 1e3)
    usual = max(3 * theory.computations_early(BETA), apart)
    return max(groups(record), default=0) > usual and p99_ns(record) > 2e6 * chosen["query"]


def responses_ns(record: Record) -> NDArray[np.float64]:
    """Response times of all reads that were due; so far, where there is no answer yet."""
    times = 1e9 * (record.fact("elapsed_s", 0.0) - record.column("arrived_s"))
    times[record.column("number").astype(int)] = record.column("latency_ns")
    return np.asarray(times, float)


def p99_ns(record: Record) -> float:
    """The p99 of these; NaN without any."""
    times = responses_ns(record)
    return percentile(times, 0.99) if times.size else math.nan


def steps(begin_s: NDArray[Any], end_s: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Moments, and how many have begun and not ended there."""
    moments = np.concatenate([begin_s, end_s])
    order = np.argsort(moments, kind="stable")
    changes = np.concatenate([np.ones(begin_s.size), -np.ones(end_s.size)])
    return moments[order], np.cumsum(changes[order])


def waiting(record: Record) -> tuple[Any, Any]:
    """How many reads wait for an answer, against time (s), without those that were answered at once."""
    completed, late = record.column("completed_s"), record.column("latency_ns") > AT_ONCE_NS
    waited = np.full(record.column("arrived_s").size, True)
    waited[record.column("number").astype(int)] = late
    return steps(record.column("arrived_s")[waited], completed[late])


def computing(record: Record) -> tuple[Any, Any]:
    """How many reports are being computed, against time (s)."""
    return steps(np.sort(record.column("decided_s")), record.column("ended_s"))


def replay_text(record: Record) -> str:
    """Queries per expiry and p99 of the same reads in the simulation, with the CPU times of this run's queries."""
    chosen, cpu_s = record.parameters, record.column("cpu_ns") / 1e9
    if not cpu_s.size or not record.constants:
        return ""
    schedule = poisson(chosen["rate"], RUN_S, record.seed)
    queries, until_s = cycle([float(np.median(cpu_s)), *cpu_s.tolist()]), record.fact("elapsed_s", 0.0)
    frame = simulated(
        schedule, cure_of(chosen["cure"]), chosen["ttl"], queries, record.constants["cpus"], record.seed, until_s
    )
    run = Record("stampede", chosen, record.seed, "", frame)
    pairs = [(f"{per_expiry(each):.1f}", duration(p99_ns(each))) for each in (run, record)]
    (simulated_each, simulated_p99), (each, p99) = pairs
    return f"{simulated_each} per expiry, p99 {simulated_p99}; measured {each}, {p99}"


def most(record: Record) -> float:
    """The most reads that waited."""
    return float(max(waiting(record)[1], default=0.0))


def p99s(rows: Sequence[str], runs: Sequence[Record]) -> list[str]:
    """The p99 of the newest run with each cure, among those with the settings of the newest run."""
    found = {
        run.parameters["cure"]: run
        for run in runs
        if {**run.parameters, "cure": 0} == {**runs[-1].parameters, "cure": 0}
    }
    return [f"p99 {duration(p99_ns(found[name]))}" if name in found and found[name].calls else "" for name in rows]


def number_of(number: float, what: str) -> str:
    """`1 query`, `2.7 queries`, `2 times`."""
    plural = f"{what.removesuffix('y')}ies" if what.endswith("y") else f"{what}s"
    return f"{number:.3g} {what if number == 1 else plural}"


def cpu_share(record: Record) -> float:
    """How many CPUs the queries that have ended used on average."""
    return float(record.column("cpu_ns").sum()) / 1e9 / (record.fact("elapsed_s", 0.0) or math.nan)


def queries_text(record: Record) -> str:
    found = groups(record)
    return f"{np.mean(found):.3g}; {max(found)}" if found else ""


def responses_text(record: Record) -> str:
    return f"{duration(percentile(responses_ns(record), 0.5))}; {duration(p99_ns(record))}"


def kinds_text(record: Record) -> str:
    kinds = np.bincount(record.column("kind").astype(int), minlength=REFRESH + 1)
    return "; ".join(map(count, (kinds[HIT], kinds[STALE] + kinds[REFRESH], kinds[WAIT], kinds[COMPUTE])))


def cpu_text(record: Record) -> str:
    times = record.column("cpu_ns")
    return f"{duration(np.median(times))}, {record.parameters['query']} ms asked for" if times.size else ""
