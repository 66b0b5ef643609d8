"""Response times of one server against its load: runs as long as the lab's, simulated, and the mean in the long run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.chapters.findings import against, change_said
from perflab.lab import Record
from perflab.measure import duration
from perflab.measure.compare import UNKNOWN, Ratio
from perflab.measure.frame import Frame, merge
from perflab.measure.percentiles import nearest_rank, percentile
from perflab.measure.schedule import constant
from perflab.systems.clients.attempts import Attempts, Patience
from perflab.systems.clients.streams import attempts_load
from perflab.systems.servers.staged_server import MULTIPLEXED, staged_server
from perflab.theory.queues import mean_wait
from perflab.theory.resample import drawn_again
from perflab.theory.simulate import lindley

RUN_S = 2.0
CONSTANT, EXPONENTIAL, TWO_KINDS = "constant", "exponential", "two kinds"
KINDS = (CONSTANT, EXPONENTIAL, TWO_KINDS)
SHORT, LONG, LONG_SHARE = 0.5, 5.5, 0.1
"""Of two kinds: their services in times of the mean, and the share of long ones."""
LOADS = np.array([2, 10, 20, 30, 40, 50, 60, 70, 75, 80, 84, 87, 90, 92, 94, 96, 98, 102, 106, 110])
"""Percent. A run may get more than the slider says: its arrivals are random."""
PROBES_PER_S, PROBING_S = 100, 0.4
DRAWS, SURELY_GROWN = 200, 0.95
DEVIATIONS = 1.8
"""Of the logarithm of `tail_over_mean`, to either side: its interval then holds the typical value in 95 of 100 simulated runs."""
SEEDS = (140, 215, 286, 429, 480, 630, 668)
"""So few runs have nearly the medians of 688: within 5% on average, over all kinds, services and loads."""
MIN_REQUESTS = 368
"""For a p99 with an interval."""
CHANGED = {"kind": "With {} services, not {}", "service": "With services of {} ms instead of {} ms"}
PARTS = 4
"""Of the loads, whose responses are computed at once: small enough for the processor's cache."""
Floats = NDArray[np.float64]

STATISTICS: dict[str, Callable[[Any], float]] = {
    "mean": lambda times: float(np.mean(times)),
    "p50": lambda times: percentile(times, 0.5),
    "p99": lambda times: percentile(times, 0.99),
}


def service_times(kind: str, mean: float, number: int, seed: int) -> Floats:
    """So many services with this mean, in its unit; independent of the arrivals of the same seed."""
    generator = np.random.default_rng((seed, 2))
    if kind == EXPONENTIAL:
        return generator.exponential(mean, number)
    if kind == TWO_KINDS:
        return mean * np.where(generator.random(number) < LONG_SHARE, LONG, SHORT)
    return np.full(number, float(mean))


def second_moment(kind: str) -> float:
    """E[S²] of services whose mean is 1."""
    return {CONSTANT: 1.0, EXPONENTIAL: 2.0, TWO_KINDS: (1 - LONG_SHARE) * SHORT**2 + LONG_SHARE * LONG**2}[kind]


def load_of(schedule_ns: NDArray[np.int64], services_ms: Floats, seconds: float) -> Iterator[Frame]:
    """Frames of these requests to a server that serves one at a time, in the order in which they come."""
    services_us = np.round(1e3 * services_ms).astype(np.int64)
    with staged_server(("queue", {"workers": 1}), front=MULTIPLEXED) as server:
        yield from attempts_load([server], Attempts(schedule_ns, Patience()), schedule_ns, services_us, seconds)


def calibrate() -> Iterator[Frame]:
    """A request's way to an idle server and back, beside its service."""
    schedule_ns = constant(PROBES_PER_S, PROBING_S)
    found = merge(load_of(schedule_ns, np.ones(schedule_ns.size), PROBING_S)).samples
    yield Frame(facts={"trip_ms": float(np.median(np.asarray(found["latency_ns"], float))) / 1e6 - 1})


@dataclass(frozen=True)
class Expected:
    """At `LOADS`: mean and percentiles (ns) of a typical run, which begins with an idle server, and the `long_run` mean."""

    mean_ns: Floats
    p50_ns: Floats
    p99_ns: Floats
    long_run_ns: Floats


def predict(load: int, kind: str, service: int, constants: Mapping[str, Any]) -> Expected:
    """Poisson arrivals at one server, first come, first served; the long run by Pollaczek and Khinchine."""
    rates, square = LOADS / 100 / service, second_moment(kind) * service**2
    waits_ms = np.array([mean_wait(rate, service, square) for rate in rates])
    long_run_ms = np.where(np.isfinite(waits_ms), service + waits_ms, np.nan)
    told = [*typical_ms(kind, service), long_run_ms]
    return Expected(*(1e6 * (each + constants["trip_ms"]) for each in told))


@lru_cache(maxsize=32)
def typical_ms(kind: str, service: int) -> Floats:
    """Medians over runs of their mean, p50 and p99, each at all `LOADS`: shape (3, loads). All loads have the same luck."""
    return np.asarray(np.median([statistics_ms(kind, service, seed) for seed in SEEDS], axis=0))


def statistics_ms(kind: str, service: int, seed: int) -> Floats:
    """Mean, p50 and p99 of the responses within a run at all `LOADS`, shape (3, loads)."""
    most = int(LOADS[-1] / 100 * 1e3 * RUN_S / service * 1.3) + 20
    moments = np.cumsum(np.random.default_rng((seed, 1)).exponential(1.0, most))
    services_ms = service_times(kind, service, most, seed)
    parts = []
    for scales in np.array_split(service * 100 / LOADS, PARTS):
        # Higher loads have more requests in a run.
        there = int(np.searchsorted(moments * scales[-1], 1e3 * RUN_S))
        parts.append(_statistics(moments[:there] * scales[:, None], services_ms[:there]))
    return np.hstack(parts)


def _statistics(arrivals_ms: Floats, services_ms: Floats) -> Floats:
    responses_ms = lindley_rows(arrivals_ms, services_ms)
    is_done = arrivals_ms + responses_ms <= 1e3 * RUN_S
    number, rows = np.count_nonzero(is_done, axis=1), np.arange(len(arrivals_ms))
    means_ms = np.sum(responses_ms, axis=1, where=is_done) / number
    ordered = np.sort(np.where(is_done, responses_ms, np.inf), axis=1)
    ranks = ([nearest_rank(each, share) - 1 for each in number.tolist()] for share in (0.5, 0.99))
    return np.array([means_ms, *(ordered[rows, rank] for rank in ranks)])


def lindley_rows(arrivals: Floats, services: Floats) -> Floats:
    """Responses at one server, for each row of arrivals: `lindley`, with the service."""
    walks = np.zeros_like(arrivals)
    np.cumsum(services[:-1] - np.diff(arrivals), axis=1, out=walks[:, 1:])
    return np.asarray(walks - np.minimum.accumulate(walks, axis=1) + services)


def offered_load(record: Record) -> float:
    """Percent of the run for which the server would have to work for what arrived; NaN before anything was served."""
    arrived, served_ns = record.column("arrived_s").size, record.column("done_ns") - record.column("started_ns")
    elapsed_s = record.fact("elapsed_s", 0.0)
    return float(100 * arrived * served_ns.mean() / 1e9 / elapsed_s) if served_ns.size and elapsed_s else np.nan


def point(name: str) -> Callable[[Record], tuple[float, float]]:
    """Where a run lies: the load that it really got (%), and one of the `STATISTICS` of its response times (ns)."""

    def of(record: Record) -> tuple[float, float]:
        times = record.column("latency_ns")
        return offered_load(record), STATISTICS[name](times) if times.size else np.nan

    return of


def simulated_p99(record: Record) -> tuple[float, float]:
    """Where the p99 would lie if the requests of this very run met nothing but one another; their way to the server included."""
    due_s, latencies = record.column("arrived_s"), record.column("latency_ns")
    if not latencies.size:
        return np.nan, np.nan
    chosen = record.parameters
    services_s = service_times(chosen["kind"], chosen["service"] / 1e3, due_s.size, record.seed)
    responses_s = lindley(due_s, services_s) + services_s
    answered_s = responses_s[due_s + responses_s <= record.fact("elapsed_s", 0.0)]
    way_ns = np.median(latencies - (record.column("done_ns") - record.column("arrived_ns")))
    return offered_load(record), 1e9 * percentile(answered_s, 0.99) + float(way_ns) if answered_s.size else np.nan


def tail_over_mean(calm: Record, busy: Record) -> Ratio:
    """How many times as much the p99 grew from one run to the other as the mean, with the interval of runs drawn again."""
    p99, mean = _growth(*(run.column("latency_ns") for run in (calm, busy)))
    drawn = np.array([_growth(few, many) for few, many in zip(_again(calm), _again(busy), strict=True)])
    grown = drawn[(drawn > 0).all(axis=1)]
    if min(p99, mean) <= 0 or len(grown) < SURELY_GROWN * DRAWS:
        return Ratio(p99 / mean if mean else np.nan, *UNKNOWN)
    factor = float(np.exp(DEVIATIONS * np.log(grown[:, 0] / grown[:, 1]).std(ddof=1)))
    return Ratio(p99 / mean, p99 / mean / factor, p99 / mean * factor)


def _again(run: Record) -> Iterator[Floats]:
    arrived, started, done = (run.column(name) for name in ("arrived_ns", "started_ns", "done_ns"))
    return drawn_again(arrived, started, done, DRAWS, run.seed)


def _growth(few: Floats, many: Floats) -> tuple[float, float]:
    """By how much p99 and mean grow."""
    return percentile(many, 0.99) - percentile(few, 0.99), float(many.mean() - few.mean())


def finding(record: Record, pinned: Record | None) -> str:
    """The tail beside the mean; and where one control was changed, what became of both."""
    runs, changed = [record], only_change(record, pinned)
    if changed and pinned is not None and has_p99(record) and has_p99(pinned):
        runs.append(pinned)
    if changed == "load":
        runs.sort(key=offered_load)
    loads_of = [f"{offered_load(run):.0f}%" for run in runs]
    mean, p99 = ([STATISTICS[name](run.column("latency_ns")) for run in runs] for name in ("mean", "p99"))
    if not has_p99(record):
        return f"At {loads_of[0]} load the mean is {duration(mean[0])}."
    if len(runs) == 1:
        return (
            f"At {loads_of[0]} load, 1 request in 100 takes over {duration(p99[0])}; the mean is {duration(mean[0])}."
        )
    if changed == "load":
        grown = [duration(max(0, busy - calm)) for calm, busy in (mean, p99)]
        return f"From {loads_of[0]} to {loads_of[1]} load, the mean grew by {grown[0]}, the p99 by {grown[1]}."
    said = change_said(changed, record, runs[1], CHANGED)
    return f"{said}, the p99 is {against(*map(duration, p99))}; the mean, {against(*map(duration, mean))}."


def has_p99(run: Record) -> bool:
    """Whether it has enough requests to tell one in 100."""
    return run.column("latency_ns").size >= MIN_REQUESTS
