"""What the servers behind the balancer should do: the routing function itself, on simulated requests. Times in seconds.

A run begins with empty queues and is short, so the model is no steady state but the same run, simulated several times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.changes import only_change
from perflab.chapters.load import Load
from perflab.lab import Record
from perflab.lab.verdict import LATENCY
from perflab.measure import count, duration, percentile
from perflab.systems.clients.routing import ROUTES, Route, at_random, round_robin
from perflab.theory.balancing import simulate_dealt, simulate_routed
from perflab.theory.simulate import simulate

SERVICE_S = 0.02
RUN_S = 2.0
DIES_AT_S = 0.9
ALIKE, SLOW, DIES, FAST = "alike", "one 4 times as slow", "one dies", "one as fast as all"
KINDS = (ALIKE, SLOW, DIES, FAST)
SLOWNESS = 4.0
RATES = (20, 60, 100, 140, 180, 220, 260, 320, 400)
MIN_REQUESTS = 400
BEST_SEEDS = (37, 31, 21, 5, 2, 17, 9, 42, 6, 36, 39, 38, 15, 6, 21, 18, 9, 23, 1, 21)
SEEDS = dict(zip(range(20, 401, 20), BEST_SEEDS, strict=True))
"""For each rate the seed whose few runs come nearest to the mean of a hundred, over eleven settings; the test looks at others."""

BLIND = (round_robin, at_random)
"""Routes that do not look at the servers, so that it is known at once where all requests go."""

RUN_TO_TYPICAL = 0.32, 2.07
"""In 95% of simulated runs of the question (100 requests/s, round robin to four servers, one slow) the median at the slow server
over that at the others lies between so many times what it typically is. Requests of one queue are not independent, so their ranks
say less: an interval of them holds the typical median in 70% of runs. The test simulates other runs.
"""

Floats = NDArray[np.float64]
Sampled = tuple[Floats, Floats]
"""Arrivals and services of some requests."""


def slowness(servers: int, kind: str, **_: Any) -> list[float]:
    """Service time of each server in times of the usual one."""
    if kind == FAST:
        return [1 / servers]
    return [SLOWNESS if kind == SLOW else 1.0, *[1.0] * (servers - 1)]


@dataclass(frozen=True)
class Expected:
    """Mean response (ns) over `rates` (per s), and with one queue for servers that are alike (else NaN); requests/s of each."""

    rates: NDArray[np.float64]
    response_ns: NDArray[np.float64]
    best_ns: NDArray[np.float64]
    shares: NDArray[np.float64]


def predict(servers: int, kind: str, routing: str, rate: int) -> Expected:
    """The routing function itself, simulated; the slider's rate is always simulated, never read between others."""
    factors, dies = tuple(slowness(servers, kind)), kind == DIES
    rates = sorted({*RATES, rate})
    found = {each: at_rate(factors, ROUTES[routing], each, dies) for each in rates}
    alike = len(set(factors)) == 1 and not dies
    best_s = np.array([one_queue(len(factors), factors[0], each) if alike else np.nan for each in rates])
    response_s = np.array([found[each].response_s for each in rates])
    return Expected(np.array(rates, float), 1e9 * response_s, 1e9 * best_s, found[rate].throughput_per_s)


@dataclass(frozen=True)
class Simulated:
    """Mean response (s) of requests served within the run, NaN without any, and throughput of each server (per s)."""

    response_s: float
    throughput_per_s: Floats


@lru_cache(maxsize=1_024)
def at_rate(factors: tuple[float, ...], route: Route, rate: int, dies: bool) -> Simulated:
    """Servers that take `factors` times the usual service, at a rate (per s); server 0 may die at `DIES_AT_S`."""
    responses, by = [], np.zeros(len(factors))
    for number, (arrivals, services) in enumerate(runs(rate)):
        if route in BLIND and not dies:
            random, outstanding = Random(number), [0] * len(factors)
            routed = simulate_dealt(
                arrivals, services, factors, [route(outstanding, each, random) for each in range(arrivals.size)]
            )
        else:
            routed = simulate_routed(arrivals, services, factors, route, number, DIES_AT_S if dies else np.inf)
        in_time = routed.departures <= RUN_S
        responses.append((routed.departures - arrivals)[in_time])
        by += np.bincount(routed.servers[in_time], minlength=len(factors))
    return Simulated(_mean(responses), by / (RUN_S * len(runs(rate))))


@lru_cache(maxsize=1_024)
def one_queue(servers: int, factor: float, rate: int) -> float:
    """Mean response (s) of the same requests where an idle server takes the next one from a single queue."""
    responses = []
    for arrivals, services in runs(rate):
        departures = simulate(arrivals, services * factor, servers).departures
        responses.append((departures - arrivals)[departures <= RUN_S])
    return _mean(responses)


def _mean(responses: Sequence[Floats]) -> float:
    together = np.concatenate(responses)
    return float(together.mean()) if together.size else np.nan


@lru_cache(maxsize=64)
def runs(rate: int) -> tuple[Sampled, ...]:
    """Poisson arrivals and exponential services of several runs, in pairs.

    Numbers of arrivals are spread evenly over their distribution, and the longest services of one run of a pair are the shortest
    of the other (antithetic variates), so that few runs have nearly the mean of many.
    """
    number = max(1, round(MIN_REQUESTS / (2 * RUN_S * rate)))
    return tuple(run for pair in range(number) for run in _pair(rate, (pair + 0.5) / (2 * number), pair))


def _pair(rate: int, share: float, number: int) -> Iterator[Sampled]:
    """Two runs that mirror each other; `share` of all runs have fewer arrivals than the first."""
    expected = rate * RUN_S
    off = np.sqrt(expected) * NormalDist().inv_cdf(share)
    sizes = [max(1, round(expected + sign * off)) for sign in (1, -1)]
    generator = np.random.default_rng((SEEDS.get(rate, 0), rate, number))
    drawn = generator.uniform(size=max(sizes))
    for size, chance in zip(sizes, (drawn, 1 - drawn), strict=True):
        yield np.sort(generator.uniform(0, RUN_S, size)), -SERVICE_S * np.log1p(-chance[:size])


def finding(record: Record, pinned: Record | None) -> str | None:
    """What a slow or a dead server did, or all of them; or what a change of one control did to mean and p50."""
    times, found, chosen = record.column(LATENCY), Load(record), record.parameters
    if not times.size or not found.elapsed_s:
        return None
    if pinned is not None and only_change(record, pinned) and pinned.column(LATENCY).size:
        return _effect(only_change(record, pinned), pinned, record)
    mean, alive = duration(times.mean()), record.fact("alive", chosen["servers"])
    if chosen["kind"] == DIES and alive < chosen["servers"]:
        lost = f"{count(found.failures) if found.failures else 'No'} request{'s' * (found.failures != 1)} failed"
        if not alive:
            return f"{lost} when the only server died, and {count(found.not_sent)} could not be sent."
        return f"{lost} when 1 of {chosen['servers']} servers died; the mean response of served requests is {mean}."
    at_slow = record.column("server") == 0
    if chosen["kind"] == SLOW and at_slow.any() and not at_slow.all():
        slow, others = (duration(percentile(times[where], 0.5)) for where in (at_slow, ~at_slow))
        return f"The median is {slow} at the slow server and {others} at the others; the mean of all is {mean}."
    who = servers_text(chosen).split(",")[0].capitalize()
    return f"{who} served {count(found.throughput_per_s)} of {count(found.offered_per_s)} requests/s, in {mean} on average."


def _effect(name: str, pinned: Record, record: Record) -> str:
    """From which value of a control to which one, and the mean and p50 of both runs."""
    before, after = (run.parameters[name] for run in (pinned, record))
    said = {
        "servers": f"From {before} to {after} servers",
        "kind": f"From “{before}” to “{after}”",
        "routing": f"From {before} to {after}",
        "rate": f"From {before} to {after} requests/s",
    }[name]
    if name == "servers" and record.parameters["kind"] == FAST:
        said = f"From one server as fast as {before} to one as fast as {after}"
    times = [run.column(LATENCY) for run in (pinned, record)]
    means = " to ".join(duration(each.mean()) for each in times)
    medians = " to ".join(duration(percentile(each, 0.5)) for each in times)
    return f"{said}, the mean went from {means}, the p50 from {medians}."


def servers_text(chosen: Mapping[str, Any]) -> str:
    """`4 servers, one of them 4 times as slow`."""
    servers, kind = chosen["servers"], chosen["kind"]
    if servers == 1:
        return {SLOW: f"one server, {SLOWNESS:g} times as slow as usual", DIES: "one server, which dies"}.get(
            kind, "one server"
        )
    return {
        ALIKE: f"{servers} servers",
        SLOW: f"{servers} servers, one of them {SLOWNESS:g} times as slow",
        DIES: f"{servers} servers, one of which dies after {DIES_AT_S:g} s",
        FAST: f"one server as fast as {servers}",
    }[kind]


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    many = chosen["servers"] > 1 and chosen["kind"] != FAST
    routing = f" (routing: {chosen['routing']})" if many else ""
    arrive = f"{count(chosen['rate'])} requests/s arrive at random, each {1e3 * SERVICE_S:g} ms of work on average"
    return f"{arrive}. They go to {servers_text(chosen)}{routing}."
