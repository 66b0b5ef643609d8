"""The claims of notebook 04, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perflab.chapters.measuring_throughput import batching, counting, workers
from perflab.lab import Record
from perflab.lab.claims import Claim, report_claims
from perflab.measure.units import count, duration
from perflab.systems.servers.worker_kinds import LOOP, THREADS

Found = tuple[bool, str] | None
FEW = 20


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _offered_is_throughput(records: Sequence[Record]) -> Found:
    for record in reversed(records):
        bars = counting.counted(record)
        if counting.OVERALL in bars and bars[counting.OFFERED].value > 1.2 * counting.CAPACITY:
            asked, through = bars[counting.OFFERED].value, bars[counting.OVERALL].value
            return through > 0.9 * asked, f"{count(asked)} requests/s were offered, and {count(through)} were served."
    return None


def _long_window(records: Sequence[Record]) -> Found:
    outcome = counting.what_was_wrong(records)
    return None if outcome is None else (outcome == "the same", f"a window longer than the run showed {outcome}.")


def _double(records: Sequence[Record]) -> Found:
    """The pair of runs with the most workers, one with at least twice as many as the other."""
    pairs = []
    for many in records:
        for few in records:
            a, b = dict(many.parameters), dict(few.parameters)
            enough = workers.throughput(many) < 0.95 * a["rate"]  # else it is the users who limit it
            if a["workers"] >= 2 * b["workers"] and {**a, "workers": 0} == {**b, "workers": 0} and enough:
                pairs.append((a["workers"], b["workers"], workers.throughput(many), workers.throughput(few)))
    if not pairs:
        return None
    n, m, x, y = max(pairs)
    return x > 0.85 * y * n / m, f"{m} and {n} workers served {count(y)} and {count(x)} requests/s."


def _loop(records: Sequence[Record]) -> Found:
    for one in reversed(records):
        for other in records:
            a, b = dict(one.parameters), dict(other.parameters)
            if (
                (a["kind"], b["kind"]) == (LOOP, THREADS)
                and {**a, "kind": ""} == {**b, "kind": ""}
                and not a["computing"]
            ):
                x, y = workers.throughput(one), workers.throughput(other)
                told = (
                    f"event loop {count(x)} requests/s, threads {count(y)}, with {a['workers']} of each that only wait."
                )
                return x > 1.05 * y, told
    return None


def _batching(records: Sequence[Record]) -> Found:
    for batched in reversed(records):
        for single in records:
            a, b = dict(batched.parameters), dict(single.parameters)
            few = min(run.column("latency_ns").size for run in (batched, single)) < FEW
            if a["size"] < 20 or b["size"] != 1 or {**a, "size": 0} != {**b, "size": 0} or few:
                continue
            if batching.is_saturated(single):
                medians = [float(np.median(run.column("latency_ns"))) for run in (single, batched)]
                alone, together = map(duration, medians)
                told = f"at {count(a['rate'])}/s the p50 was {alone} with single rows, {together} in batches."
                return medians[1] > medians[0], told
    return None


CLAIMS = (
    Claim("What users ask for per second is the throughput.", "counting", _offered_is_throughput),
    Claim("The length of a dashboard's window does not matter.", "counting", _long_window),
    Claim("Twice the workers, twice the throughput.", "workers", _double),
    Claim("An event loop serves more than as many threads, when all only wait.", "workers", _loop),
    Claim(
        "Batching raises throughput, and latency with it (on a writer that is too slow for single rows).",
        "batching",
        _batching,
    ),
)
