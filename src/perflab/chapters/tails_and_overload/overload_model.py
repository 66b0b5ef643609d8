"""What a server does with up to three times what it can do: each request of a run simulated; the long run in closed form."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.tails_and_overload.overload_outcomes import goodput
from perflab.lab import Record
from perflab.measure import count, poisson
from perflab.measure.schedule import services
from perflab.systems.servers.policy import Policy, Ranking
from perflab.systems.servers.waiting_line import (
    CODEL,
    FIRST,
    HOPELESS,
    INTERVAL_MS,
    LAST,
    LATE,
    MARGIN,
    MAX_PLACES,
    NOTHING,
    SHORTEST,
    TARGET,
    MayQueue,
    Rank,
    like_codel,
)
from perflab.theory import one_server
from perflab.theory.overload import constant, exponential, goodput_dropping_late, goodput_shortest_first
from perflab.theory.simulate import Discipline, SimulatedQueue, fifo, lifo, shortest_first, simulate

SERVICE_MS, RUN_S, CAPACITY = 4, 2.0, 250
LOADS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
KINDS = CONSTANT, EXPONENTIAL = "constant", "exponential"
FIFO, SHORT_QUEUE, LONG_QUEUE = "FIFO", "short queue", "long queue"
DROP_LATE, DROP_HOPELESS = "drop the late", "drop what will be late"
LIFO, SHORTEST_FIRST, LIKE_CODEL = "LIFO", "shortest first", "like CoDel"
DISCIPLINES: Mapping[str, Mapping[str, Any]] = {
    FIFO: {},
    SHORT_QUEUE: {"waits": 0.5},
    LONG_QUEUE: {"waits": 2.0},
    DROP_LATE: {"drop": LATE},
    DROP_HOPELESS: {"drop": HOPELESS},
    LIFO: {"order": LAST},
    SHORTEST_FIRST: {"order": SHORTEST},
    LIKE_CODEL: {"drop": CODEL},
}
ORDERS = {FIRST: fifo, LAST: lifo, SHORTEST: shortest_first}
SEEDS = (23, 24, 35)
"""Three runs whose goodput comes nearest to that of 40, over all settings: nearer than that of the first six."""
USUALLY_FROM_MS, FROM_MS = 60, {DROP_LATE: 40, LIKE_CODEL: 80}
"""The closed forms are for deadlines of many services: from these on, long runs come near them."""
WAY_US = 500
"""What a client takes off the deadline that it tells the server: about the time for the way there and back."""


def rules(discipline: str, deadline_ms: float) -> dict[str, Any]:
    """Settings of the stage `queue`; a short queue has half of the waits that the deadline allows, a long one twice as many."""
    chosen = {"order": FIRST, "drop": NOTHING, "places": MAX_PLACES, "usual_ms": SERVICE_MS, **DISCIPLINES[discipline]}
    if waits := chosen.pop("waits", 0):
        chosen["places"] = max(1, int(waits * deadline_ms / SERVICE_MS))
    return chosen


def service_us(kind: str, number: int, seed: int) -> NDArray[np.int64]:
    """Service times of the requests of a run."""
    each = services(SERVICE_MS, number, seed) if kind == EXPONENTIAL else np.full(number, float(SERVICE_MS))
    return np.round(1e3 * np.minimum(each, 1e3)).astype(np.int64)


def simulated(
    arrivals_s: NDArray[np.float64],
    services_s: NDArray[np.float64],
    discipline: str,
    deadline_s: float,
    may_queue: MayQueue | None = None,
    rank: Rank | None = None,
    *,
    way_s: float = 0.0,
    until_s: float = np.inf,
) -> SimulatedQueue:
    """These requests at such a server, which is told a deadline less the time for the way. Some after `until_s` are left out."""
    chosen, usual_s, told_s = rules(discipline, 1e3 * deadline_s), SERVICE_MS / 1e3, deadline_s - way_s
    order, drop = chosen["order"], chosen["drop"]
    places = chosen["places"] if chosen["places"] < MAX_PLACES else np.inf
    longest_s = {LATE: told_s, HOPELESS: MARGIN * told_s - usual_s}.get(drop, np.inf)
    drops = partial(like_codel(INTERVAL_MS / 1e3), TARGET * told_s) if drop == CODEL else None
    if may_queue is not None or rank is not None:
        policy = Policy("The admission rule", may_queue or (lambda queued, *_: queued < places))
        return simulate(
            arrivals_s,
            services_s,
            discipline=ORDERS[order] if rank is None else ranked(rank),
            may_queue=lambda queued, _: policy(queued, usual_s, told_s),
            drops=lambda now, waited, _: waited > longest_s or (drops is not None and drops(now, waited)),
        )
    if order == FIRST and drop == NOTHING and np.isinf(places):
        return simulate(arrivals_s, services_s)
    lists = arrivals_s.tolist(), services_s.tolist()
    if order == LAST:
        starts = one_server.last_come(*lists, until_s)
    elif order == SHORTEST and len(set(lists[1])) > 1:
        starts = one_server.shortest_first(*lists, until_s)
    else:
        starts = one_server.first_come(*lists, places, longest_s, drops)
    return SimulatedQueue(arrivals_s, np.array(starts), np.array(starts) + services_s)


def ranked(rank: Rank) -> Discipline:
    """The learner's discipline, which is asked about those that wait alone."""
    ranking, numbers = Ranking("The discipline", rank), itertools.count()
    return lambda _, service_s, kind: ranking(next(numbers), service_s)


@dataclass(frozen=True)
class Expected:
    """At each of `LOADS` (× capacity), in requests per second: what is answered in time in such a run (`goodput`); at `loads` in
    the long run, empty where there is no closed form.
    """

    goodput: NDArray[np.float64]
    loads: NDArray[np.float64]
    long_run: NDArray[np.float64]


def predict(
    offered: float,
    discipline: str,
    deadline: int,
    services: str,
    may_queue: MayQueue | None = None,
    rank: Rank | None = None,
) -> Expected:
    """The same for all offered loads, so that it is computed once while a hand moves that slider."""
    return _expected(discipline, deadline, services, may_queue, rank)


@lru_cache(maxsize=128)
def _expected(discipline: str, deadline: int, kind: str, *own: Any) -> Expected:
    chosen = discipline, deadline, kind
    found = [np.mean([good_per_s(load, *chosen, seed, *own) for seed in SEEDS]) for load in LOADS]
    closed = None if any(own) else long_run(discipline, kind, deadline)
    loads = np.linspace(LOADS[0], LOADS[-1], 60) if closed else np.empty(0)
    return Expected(np.array(found), loads, CAPACITY * np.array([closed(load) for load in loads] if closed else ()))


def good_per_s(load: float, discipline: str, deadline: int, kind: str, seed: int, *own: Any) -> float:
    """Requests per second that are answered in time in a run with this seed; `own` are the learner's rules, as in `predict`."""
    arrivals, took = requests(load, kind, seed)
    run = simulated(arrivals, took, discipline, deadline / 1e3, *own, until_s=RUN_S)
    in_time = (run.departures - arrivals <= deadline / 1e3) & (run.departures <= RUN_S)
    return float(np.count_nonzero(in_time) / RUN_S)


@lru_cache(maxsize=64)
def requests(load: float, kind: str, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Arrivals and services (s) of a run, which all disciplines and deadlines have in common."""
    arrivals = poisson(load * CAPACITY, RUN_S, seed) / 1e9
    return arrivals, service_us(kind, arrivals.size, seed) / 1e6


def long_run(discipline: str, kind: str, deadline_ms: float) -> Callable[[float], float] | None:
    """Goodput over capacity against offered load in the long run, in closed form; None where there is none."""
    if deadline_ms < FROM_MS.get(discipline, USUALLY_FROM_MS):
        return None
    if discipline == DROP_LATE:
        return partial(goodput_dropping_late, services=constant if kind == CONSTANT else exponential)
    if discipline in (FIFO, LONG_QUEUE) or (discipline == SHORTEST_FIRST and kind == CONSTANT):
        return lambda load: load if load < 1 else 0.0
    if discipline == SHORTEST_FIRST:
        return goodput_shortest_first
    if discipline == DROP_HOPELESS and kind == EXPONENTIAL:
        return None
    return lambda load: min(load, 1.0)


def replayed_per_s(record: Record) -> float:
    """Requests per second that the simulated server answers in time, sent when these were, with the same service times, and with
    the median time to the server and back.
    """
    due_s, late_s, chosen = record.column("arrived_s"), record.column("lateness_ns") / 1e9, record.parameters
    deadline_s, number = chosen["deadline"] / 1e3, record.column("number").astype(int)
    inside_ns = record.column("done_ns") - record.column("arrived_ns")
    way_s = float(np.median((record.column("latency_ns") - inside_ns) / 1e9 - late_s[number])) if number.size else 0.0
    planned = poisson(chosen["offered"] * CAPACITY, RUN_S, record.seed).size
    work_s = service_us(chosen["services"], planned, record.seed)[: due_s.size] / 1e6
    sent_s = np.maximum.accumulate(due_s + late_s)
    run = simulated(sent_s, work_s, chosen["discipline"], deadline_s, way_s=WAY_US / 1e6)
    elapsed_s, done_s = record.fact("elapsed_s", np.nan), run.departures + way_s
    return float(np.count_nonzero((done_s - due_s <= deadline_s) & (done_s <= elapsed_s))) / elapsed_s


def replay_text(record: Record) -> str:
    """The goodput in the simulation beside the measurement."""
    return f"{count(replayed_per_s(record))}/s in time, measured {count(goodput(record))}/s"
