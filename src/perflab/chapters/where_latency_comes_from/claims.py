"""The claims of notebook 03, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from perflab.chapters.where_latency_comes_from import ladder_model, query_model
from perflab.chapters.where_latency_comes_from.api_cache_model import SKEW, hit_ratio, saturated
from perflab.chapters.where_latency_comes_from.make_it_fast_model import STEPS, gains, taken
from perflab.lab import Record
from perflab.lab.claims import Claim, Judge, in_every_run, report_claims
from perflab.measure.units import count, duration, percent, ratio
from perflab.systems.operations.rungs import DISK_READ, LOOPBACK, YOURS
from perflab.theory.ttl import hit_ratio_of_window, zipf

Found = tuple[bool | None, str] | None
HIT_TOLERANCE, MIN_FOR_P99, FASTER = 0.1, 368, 1.5
QUERY = {"index": True, "connection": query_model.POOLED, "fetch": query_model.ONE_ROW}


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def rung(name: str, say: Callable[[float, Record], Found]) -> Judge:
    def judge(record: Record) -> Found:
        found = ladder_model.measured(record).get(name)
        return None if found is None else say(found.value, record)

    return in_every_run(judge)


def memory(median_ns: float, record: Record) -> Found:
    return median_ns < 1e5, f"{duration(median_ns)} (median), {count(1e5 / median_ns)} times less."


def local_network(median_ns: float, record: Record) -> Found:
    return None, f"{duration(median_ns)} is the round trip on loopback, which never leaves this machine."


def solid_state(median_ns: float, record: Record) -> Found:
    if not record.fact("is SSD"):
        return None, f"4 kB took {duration(median_ns)} (median), but the system does not tell that an SSD answered."
    return 1e5 <= median_ns <= 1e6, f"4 kB took {duration(median_ns)} (median)."


def simple_query(record: Record) -> Found:
    latencies = record.column("latency_ns")
    if not latencies.size:
        return None
    median = float(np.median(latencies))
    said = f"{duration(median)} (median) in this process, down the index, with the file in memory; no network is in it."
    return 1e6 <= median <= 10e6, said


def renewal_formula(record: Record) -> Found:
    chosen: dict[str, Any] = dict(record.parameters)
    reads = record.column("hit").size
    if chosen["ttl"] == 0 or reads < 100 or saturated(record):
        return None
    popularity, elapsed_s = zipf(chosen["keys"], SKEW), float(record.fact("elapsed_s", 0.0))
    expected = hit_ratio_of_window(chosen["rate"], popularity, chosen["ttl"], elapsed_s)
    found = hit_ratio(record)
    said = f"{percent(found)} of {count(reads)} reads hit, {percent(expected)} expected."
    off, by_chance = abs(found - expected), 1 / reads**0.5
    return None if HIT_TOLERANCE < off <= HIT_TOLERANCE + by_chance else (off <= HIT_TOLERANCE, said)


def pooling(record: Record) -> Found:
    gain = gains(record).get(STEPS["pooled"])
    if gain is None or gain.low <= 1 <= gain.high:
        return None
    return gain.value < 1, f"with pooled connections the request was {ratio(gain.value)} as fast."


def cache_and_tail(record: Record) -> Found:
    median, tail = (gains(record, share).get(STEPS["cache"]) for share in (0.5, 0.99))
    if median is None or tail is None or len(taken(record)[STEPS["cache"]]) < MIN_FOR_P99:
        return None
    if median.value < FASTER:  # hardly any request hits
        return None
    said = f"the cache made the p50 {ratio(median.value)} as fast, the p99 {ratio(tail.value)}."
    return tail.value >= 0.8 * median.value, said


CLAIMS = (
    Claim(
        "A read of memory takes less than 0.1 ms.",
        "ladder",
        rung(YOURS, memory),
    ),
    Claim("A round trip in the local network takes less than 1 ms.", "ladder", rung(LOOPBACK, local_network)),
    Claim("A read from an SSD takes 0.1 to 1 ms.", "ladder", rung(DISK_READ, solid_state)),
    Claim("A simple query takes 1 to 10 ms.", "query", in_every_run(simple_query, **QUERY)),
    Claim(
        "A cache with a TTL of T hits λT/(1 + λT) of the reads of a key.", "api_cache", in_every_run(renewal_formula)
    ),
    Claim("Connection pooling slightly raises the latency.", "make_it_fast", in_every_run(pooling)),
    Claim(
        "A cache makes the slowest requests as much faster as the usual ones.",
        "make_it_fast",
        in_every_run(cache_and_tail),
    ),
)
