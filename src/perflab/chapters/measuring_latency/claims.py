"""The claims of notebook 02, each judged by what this machine has measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perflab.chapters.measuring_latency.percentiles_model import MEAN_OF_P99S, measured_intervals
from perflab.lab import Record, latencies_of
from perflab.lab.claims import Claim, in_every_run, in_some_run, report_claims
from perflab.measure.percentiles import percentile, samples_needed
from perflab.measure.units import count, duration, number
from perflab.systems.operations.computing import EQUATIONS, WEIGHTS
from perflab.systems.operations.quotes import QUOTES

Judged = tuple[bool, str] | None
MEMORY_NS, OTHERS, APART = 100_000, 30, 1.25
SURELY_APART = {"slow": 2, "factor": 10, "samples": 2_000}
"""With 2% of slow calls some windows of a hundred have none that counts, and all calls together have enough."""


def takeaways() -> None:
    """Print the claims of this notebook with the verdicts of this machine."""
    report_claims(CLAIMS)


def _memory_is_below_100_us(record: Record) -> Judged:
    if not latencies_of(record).size:
        return None
    median = percentile(latencies_of(record), 0.5)
    told = f"median {duration(median)} of {count(latencies_of(record).size)} look-ups"
    if not median:
        return True, f"{told}: less than a step of the clock."
    return median < MEMORY_NS, f"{told}, {number(MEMORY_NS / median)} times less than 0.1 ms; part of it is the clock."


def _sleep_is_never_short(record: Record) -> Judged:
    if not latencies_of(record).size:
        return None
    fastest = float(latencies_of(record).min())
    return fastest >= 1e6, f"the fastest of {count(record.calls)} sleeps took {duration(fastest, 3)}."


def _as_quoted(operation: str, depends: str) -> Callable[[Record], Judged]:
    """Whether the median lies in what is quoted of the operation; `depends` says on what that depends."""
    quote = QUOTES[operation]
    assert quote is not None

    def judge(record: Record) -> Judged:
        latencies = latencies_of(record)
        if latencies.size < samples_needed(0.5):
            return None
        median = percentile(latencies, 0.5)
        return (
            quote.low_ns <= median <= quote.high_ns,
            f"median {duration(median)} of {count(latencies.size)} calls {depends}.",
        )

    return judge


def _averages_lie(record: Record) -> Judged:
    """Where they happen to agree that tells nothing, but for a mixture in which they should differ."""
    numbers, chosen = measured_intervals(record), record.parameters
    if MEAN_OF_P99S not in numbers or not np.isfinite(numbers["p99"].high):
        return None
    averaged, true = numbers[MEAN_OF_P99S].value, numbers["p99"]
    differs = not true.low <= averaged <= true.high
    lies = differs and not 1 / APART < averaged / true.value < APART
    if not lies and (differs or not all(chosen.get(name, 0) >= least for name, least in SURELY_APART.items())):
        return None
    return lies, f"p99 {duration(true.value)}, mean of the windows' p99 {duration(averaged)}."


def _closed_loop_hides(record: Record) -> Judged:
    """A client that waits has one slow request in each stall: where it has few others, that is seen at the p95, too."""
    open_ns, closed_ns, chosen = record.column("open_ns"), record.column("closed_ns"), record.parameters
    if chosen["stall"] < 50 or min(open_ns.size, closed_ns.size) < samples_needed(0.95):
        return None
    truth, seen = percentile(open_ns, 0.95), percentile(closed_ns, 0.95)
    hides = truth > 2 * seen
    if not hides and chosen["rate"] * (chosen["every"] - chosen["stall"]) / 1e3 < OTHERS:
        return None
    return hides, f"p95 {duration(truth)} in the open loop, {duration(seen)} in the closed one."


def _quoted(text: str, operation: str, depends: str) -> Claim:
    return Claim(text, "stopwatch", in_every_run(_as_quoted(operation, depends), operation=operation, batch=1))


CLAIMS = (
    Claim(
        "A look-up in memory takes less than 0.1 ms.",
        "stopwatch",
        in_every_run(_memory_is_below_100_us, operation="dict lookup"),
    ),
    Claim(
        "A sleep never takes less than was asked for.",
        "stopwatch",
        in_every_run(_sleep_is_never_short, operation="sleep 1 ms"),
    ),
    _quoted(
        "A complex computation takes 100 to 1,000 ms.",
        "500 linear equations",
        f"that solve {EQUATIONS} linear equations; twice as many take eight times as long",
    ),
    _quoted(
        "An ML inference takes 10 to 100 ms.",
        "ML inference, 3 layers",
        f"of a network with {count(WEIGHTS)} weights; the time grows with the weights",
    ),
    _quoted(
        "Image processing takes 100 to 5,000 ms.",
        "image blur, 1 megapixel",
        "that blur a megapixel; the time grows with the pixels",
    ),
    Claim("The mean of percentiles is not the percentile of all.", "percentiles", in_some_run(_averages_lie)),
    Claim("A closed loop hides a stall that users meet.", "coordinated_omission", in_every_run(_closed_loop_hides)),
)
