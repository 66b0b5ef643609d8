"""Checks of the exercises of notebook 05. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import index
from reprlib import repr as in_short
from typing import Any

import numpy as np

from perflab.chapters.judging import OPEN, Case, attempt, judge, judge_cases
from perflab.chapters.raising_throughput import more_machines
from perflab.chapters.raising_throughput.more_machines_model import SERVICE_S
from perflab.lab import Lab
from perflab.measure.guards import BadInput, is_number
from perflab.measure.percentiles import percentile
from perflab.measure.schedule import poisson, services
from perflab.measure.units import count, duration
from perflab.systems.clients.routing import Route, least_outstanding
from perflab.theory.balancing import simulate_routed
from perflab.theory.scaling import ScalabilityLaw

LAW = ScalabilityLaw(0.02, 0.005, 100.0)
SEEN = (1, 4, 8)
POINTS: dict[int, int] = {number: round(float(LAW.throughput(number))) for number in SEEN}
"""Operations per second that were measured with so many workers."""
NEAR = 1
MAX_WORKERS = 1e6


def check_peak(workers: int | None) -> None:
    """Modify: the number of workers with the highest throughput, from three points of the curve."""
    if workers is None:
        print(f"{OPEN}Fit a law to the three points, and keep the number of workers at its peak in `peak`.")
        return
    if not is_number(workers) or not 1 <= workers <= MAX_WORKERS:
        print(f"Not yet: a number of workers is at least 1 and at most a million; got {in_short(workers)}.")
        return
    best = round(LAW.peak)
    there, most, twice = (float(LAW.throughput(number)) for number in (workers, best, 2 * best))
    if abs(workers - LAW.peak) <= NEAR:
        print(f"Right: about {best} workers do {count(most)}/s; with twice as many it is {count(twice)}/s.")
    elif workers <= max(SEEN):
        print(f"Not yet: {count(workers)} workers do {count(there)}/s, and it still rises. The peak may lie beyond.")
    else:
        side = "less" if workers > LAW.peak else "more"
        print(f"Not yet: {count(workers)} workers would do {count(there)}/s; with a few {side} it would be more.")
        print("The curve bends: contention costs a share of each worker, coherency a share of each pair of workers.")


SERVERS, SLOWNESS = 4, 4.0
RATE, SECONDS = 100, 40.0
GOOD_ENOUGH = 3.0
"""Mean response, in times that of least outstanding requests."""


def check_route(route: Route) -> Lab | None:
    """Make: with one slow server of four, whichever it is, be nearly as quick as possible. Returns the lab with this routing."""
    how = "`route` gets outstanding, number and random, and returns a server's number, 0 to 3."
    found = attempt(lambda: [mean_response_ns(route, slow) for slow in range(SERVERS)], how)
    if found is None:
        return None
    best = [mean_response_ns(least_outstanding, slow) for slow in range(SERVERS)]
    worst = max(range(SERVERS), key=lambda slow: found[slow] / best[slow])
    told = f"simulated mean response {duration(found[worst])} when server {worst} is the slow one"
    if found[worst] > GOOD_ENOUGH * best[worst]:
        print(f"{OPEN}It could be {duration(best[worst])}; yours: {told}.")
        print("You are not told which server is slow; but the slow one has the most outstanding requests.")
    else:
        print(f"Right, whichever is slow: {told}, which is the worst. Now the lab sends real requests to real servers.")
    question = "Does your routing do better than the usual ones? (Measured: yours. The model: the one chosen.)"
    return replace(more_machines.lab(), question=question, policy={"route": route}, prediction=None)


def mean_response_ns(route: Route, slow: int) -> float:
    """Simulated mean response: 100 requests/s of 20 ms to four servers, of which number `slow` is four times as slow."""

    def checked(outstanding: Sequence[int], number: int, random: Any) -> int:
        chosen = route(outstanding, number, random)
        try:
            server = index(chosen)  # numpy's integers are integers too
        except TypeError:
            server = -1
        if isinstance(chosen, bool) or not 0 <= server < SERVERS:
            raise BadInput(f"It returned {in_short(chosen)}.")
        return server

    arrivals = poisson(RATE, SECONDS, 1) / 1e9
    takes = services(SERVICE_S, arrivals.size, 1)
    slowness = [SLOWNESS if server == slow else 1.0 for server in range(SERVERS)]
    done = simulate_routed(arrivals, takes, slowness, checked)
    return 1e9 * float((done.departures - arrivals).mean())


DESIGNS = {
    "an index": "The database needs 2 ms of 202. Even if it needed none, hardly anything would change.",
    "a cache": "Each answer is for one user and one moment: hardly any page is requested twice.",
    "a faster CPU": "The CPU is busy for 3 ms of 202, and idle for the rest.",
    "async": "Right: 16 threads that wait for 200 ms each serve 80 requests/s. With await the waits overlap, and the next "
    "limit is the CPU, at about 300/s. (First ask whether the partner's API can take that.)",
    "more servers": "That would work, with three machines that wait instead of one. What do the threads do all day?",
}


def check_design(answer: str | None) -> None:
    """Judge: what raises the throughput of 16 threads that wait for a partner."""
    judge(answer, DESIGNS)


P99 = Callable[[Sequence[Sequence[float]]], float]
QUICK = [float(number % 10 + 1) for number in range(970)]
STUCK = [500.0] * 30
LOGS: dict[str, Sequence[Sequence[float]]] = {
    "one server": [QUICK + STUCK],
    "two alike": [QUICK, QUICK],
    "970 requests at a quick server, 30 at one that is stuck": [QUICK, STUCK],
    "the same, and a third that got no request": [QUICK, STUCK, []],
    "980 at a quick server, 210 at one that was stuck for 10 of them": [
        (QUICK + QUICK)[:980],
        QUICK[:200] + STUCK[:10],
    ],
    "995 at a quick server, 5 at one that is stuck": [(QUICK + QUICK)[:995], STUCK[:5]],
}
"""Response times of each server, in ms."""


def check_the_lie(p99_of_all: P99) -> None:
    """Spot the lie: the mean of several p99s is not a p99."""
    cases = [
        Case(
            f"{name}:",
            partial(p99_of_all, [list(server) for server in servers]),
            float(percentile(np.concatenate([np.array(server) for server in servers]), 0.99)),
            1.5,  # which of two neighbouring samples a p99 takes is left open
        )
        for name, servers in LOGS.items()
    ]
    judge_cases(cases, "a percentile of all needs the samples of all (or their histograms, added up).", unit=" ms")
