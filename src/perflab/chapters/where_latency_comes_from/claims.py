"""The claims of notebook 03, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from perflab.chapters.where_latency_comes_from import api_cache, ladder, make_it_fast, query
from perflab.lab import Record
from perflab.lab.claims import Claim, report_claims
from perflab.measure.units import count, duration, percent, ratio
from perflab.theory.ttl import hit_ratio_of_window, zipf

Found = tuple[bool, str] | None
HIT_TOLERANCE = 0.1


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _rung(name: str, holds: Callable[[float], bool]) -> Callable[[Sequence[Record]], Found]:
    def judge(records: Sequence[Record]) -> Found:
        for record in reversed(records):
            interval = ladder.measured(record).get(name)
            if interval is not None:
                return holds(interval.value), f"{name} took {duration(interval.value)} (median)."
        return None

    return judge


def _simple_query(records: Sequence[Record]) -> Found:
    asked = {"index": True, "connection": query.POOLED, "fetch": query.ONE_ROW}
    for record in reversed(records):
        latencies = record.column("latency_ns")
        if latencies.size and asked.items() <= dict(record.parameters).items():
            median = float(np.median(latencies))
            return 1e6 <= median <= 10e6, f"{duration(median)} (median) down the index, with the file in memory."
    return None


def _renewal_formula(records: Sequence[Record]) -> Found:
    for record in reversed(records):
        chosen: dict[str, Any] = dict(record.parameters)
        reads = record.column("hit").size
        if chosen["ttl"] > 0 and reads >= 100 and not record.count("dropped"):
            window_s = float(record.fact("elapsed_s", 0.0))
            popularity = zipf(chosen["keys"], chosen["skew"])
            expected = hit_ratio_of_window(chosen["rate"], popularity, chosen["ttl"], window_s)
            found = api_cache.hit_ratio(record)
            told = f"{percent(found)} of {count(reads)} reads hit, {percent(expected)} expected."
            return abs(found - expected) <= HIT_TOLERANCE, told
    return None


def _pooling(records: Sequence[Record]) -> Found:
    for record in reversed(records):
        gain = make_it_fast.gains(record).get(make_it_fast.STEPS["pooled"])
        if gain is not None:
            return gain.value < 1, f"with pooled connections the request was {ratio(gain.value)} as fast."
    return None


def _cache_and_tail(records: Sequence[Record]) -> Found:
    label = make_it_fast.STEPS["cache"]
    for record in reversed(records):
        gains = [make_it_fast.gains(record, share).get(label) for share in (0.5, 0.99)]
        median, tail = gains
        if median is not None and tail is not None:
            told = f"the cache made the p50 {ratio(median.value)} as fast, the p99 {ratio(tail.value)}."
            return tail.value >= 0.8 * median.value, told
    return None


CLAIMS = (
    Claim("A read of memory takes less than 0.1 ms.", "ladder", _rung(ladder.YOURS, lambda ns: ns < 1e5)),
    Claim(
        "A round trip in the local network takes less than 1 ms.",
        "ladder",
        _rung("round trip, loopback", lambda ns: ns < 1e6),
    ),
    Claim("A read from an SSD takes 0.1 to 1 ms.", "ladder", _rung("read 4 kB, disk", lambda ns: 1e5 <= ns <= 1e6)),
    Claim("A simple query takes 1 to 10 ms.", "query", _simple_query),
    Claim("A cache with a time to live T hits λT/(1 + λT) of the reads of a key.", "api_cache", _renewal_formula),
    Claim("Connection pooling slightly raises the latency.", "make_it_fast", _pooling),
    Claim("A cache makes the slowest requests as much faster as the usual ones.", "make_it_fast", _cache_and_tail),
)
