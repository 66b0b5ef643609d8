"""A retry storm: the very decisions of client and server, on a virtual clock; and for which loads the server stays down."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from random import Random
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.lab import Record
from perflab.measure import poisson
from perflab.measure.frame import Frame
from perflab.measure.guards import BadInput
from perflab.measure.schedule import services
from perflab.systems.clients.attempts import MAX_ATTEMPTS, Attempts, Patience, Retry, never, said
from perflab.systems.clients.virtual_servers import play
from perflab.systems.servers.waiting_line import LAST, LATE, LineRules
from perflab.theory.retried_queue import Line, sent_and_answered
from perflab.theory.retries import stays_down

SERVICE_MS, CAPACITY, TIMEOUT_MS = 2, 500, 40
RUN_S, STALL_AT_S, END_S, BIN_S = 2.8, 0.4, 1.0, 0.2
"""Length, begin of the stall, the last part by which a run is judged, and the bins of the time line."""
RECOVERED, DOWN = 0.9, 0.1
"""At the end a server is up that answers more of the requests than the first, and down if it answers fewer than the second."""
NONE, ONCE, AT_ONCE = "none", "1 at once", "3 at once"
JITTER, BUDGET = "3 after a pause with jitter", "3, budget of 10%"
RETRIES: Mapping[str, int] = {NONE: 0, ONCE: 1, AT_ONCE: 3, JITTER: 3, BUDGET: 3}
"""How often a request that has timed out is tried again at most."""
YOURS = "yours"
PAUSE_S = 0.16
NOTHING, SHORT_QUEUE, DROP_LATE = "nothing", "queue of 10", "server drops the late"
LIFO, CANCEL = "LIFO", "client cancels"
CURES: Mapping[str, Mapping[str, Any]] = {
    NOTHING: {},
    SHORT_QUEUE: {"places": 10},
    DROP_LATE: {"drop": LATE},
    LIFO: {"order": LAST},
    CANCEL: {},
}


def at_most(tries: int, tokens: float, most: int) -> float | None:
    """So many retries, each at once."""
    return 0.0 if tries <= most else None


def with_jitter(seed: int) -> Retry:
    """Three retries, each after a pause at random between 0 and `PAUSE_S` (full jitter)."""
    draw = Random(seed).random
    return lambda tries, tokens: PAUSE_S * draw() if tries <= 3 else None


def within_budget(tries: int, tokens: float) -> float | None:
    """Three retries at once, as long as there is a token: at most one retry for ten requests in the long run."""
    return 0.0 if tries <= 3 and tokens >= 1 else None


def policy(name: str, seed: int) -> Retry:
    """The rule of that name; what it draws at random is the same for the same seed."""
    if name == JITTER:
        return with_jitter(seed)
    return within_budget if name == BUDGET else partial(at_most, most=RETRIES[name]) if RETRIES.get(name) else never


def client(
    load: float, retries: str, cure: str, seed: int, retry: Retry | None = None
) -> tuple[Attempts, NDArray[np.int64], NDArray[np.int64]]:
    """The client of a run, with its schedule (ns) and the service times of its requests (µs)."""
    schedule, work_us, rule = asked(load, retries, seed, retry)
    patience = Patience(timeout_s=TIMEOUT_MS / 1e3, retry=rule, cancels=cure == CANCEL)
    return Attempts(schedule, patience), schedule, work_us


def asked(
    load: float, retries: str, seed: int, retry: Retry | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], Retry]:
    """When the requests of a run are due (ns), their service times (µs), and by which rule they are tried again."""
    schedule = poisson(load * CAPACITY, RUN_S, seed)
    work_us = np.round(1e3 * services(SERVICE_MS, schedule.size, seed)).astype(np.int64)
    return schedule, work_us, policy(retries, seed) if retry is None or retries != YOURS else retry


def server(cure: str) -> dict[str, Any]:
    """Settings of the stage `queue`."""
    return {"usual_ms": SERVICE_MS, **CURES[cure]}


@dataclass(frozen=True)
class Expected:
    """In each of `BINS`, per second: attempts `sent`, and requests whose answer came in time (`good`); and the `edge` (%)."""

    sent: NDArray[np.float64]
    good: NDArray[np.float64]
    edge: float


SEEDS = (1, 2)
EDGES = np.arange(0, RUN_S + BIN_S / 2, BIN_S)
BINS = (EDGES[:-1] + EDGES[1:]) / 2


def per_s(moments_s: ArrayLike) -> NDArray[np.float64]:
    """Moments counted in bins, per second."""
    return np.histogram(moments_s, EDGES)[0] / BIN_S


def predict(load: int, retries: str, stall: float, cure: str, retry: Retry | None = None) -> Expected:
    """The mean of simulated runs."""
    return _expected(load, retries, stall, cure, retry)


@lru_cache(maxsize=64)
def _expected(load: int, retries: str, stall: float, cure: str, retry: Retry | None) -> Expected:
    runs = [moments_s(load, retries, stall, cure, seed, retry) for seed in SEEDS]
    sent, good = (np.mean([per_s(moments) for moments in each], 0) for each in zip(*runs, strict=True))
    return Expected(sent, good, edge({"retries": retries, "cure": cure}))


def moments_s(
    load: int, retries: str, stall: float, cure: str, seed: int, retry: Retry | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When attempts are sent in such a run, and when requests are answered in time: as `simulated`, in a tenth of the time."""
    schedule, work_us, rule = asked(load / 100, retries, seed, retry)
    rules, stall_ns = server(cure), (round(1e9 * STALL_AT_S), round(1e9 * (STALL_AT_S + stall)))
    line = Line(
        places=rules.get("places", np.inf),
        drops_late=rules.get("drop") == LATE,
        is_lifo=rules.get("order") == LAST,
        cancels=cure == CANCEL,
        stall=stall_ns,
    )
    found = sent_and_answered(
        schedule.tolist(),
        (1_000 * work_us).tolist(),
        1_000_000 * TIMEOUT_MS,
        rule if retry is None else checked_retry(rule),
        line,
        round(1e9 * RUN_S),
    )
    sent_s, answered_s = (np.array(each, float) / 1e9 for each in found)
    return sent_s, answered_s


def checked_retry(rule: Retry) -> Retry:
    """A learner's rule, which must return a pause or None, and must end."""
    asked_before = itertools.count()

    def decide(tries: int, tokens: float) -> float | None:
        if next(asked_before) >= MAX_ATTEMPTS:
            raise BadInput(
                f"retry has asked for {MAX_ATTEMPTS:,} attempts in one run, which is the most that is allowed."
            )
        return said("retry", rule, tries, tokens)

    return decide


def simulated(load: int, retries: str, stall: float, cure: str, seed: int, retry: Retry | None = None) -> Frame:
    """Such a run on a virtual clock."""
    attempts, schedule, work_us = client(load / 100, retries, cure, seed, retry)
    rules, stalls = LineRules(**server(cure)), (STALL_AT_S, STALL_AT_S + stall)
    return play(attempts, schedule, work_us, rules, RUN_S, 1_000 * TIMEOUT_MS, stall=stalls)


def sent_s(record: Record) -> NDArray[np.float64]:
    """When attempts were sent, first ones and retries."""
    return np.concatenate([record.column("arrived_s") + record.column("lateness_ns") / 1e9, record.column("retried_s")])


def expected_most(expected: Expected) -> float:
    """The most attempts per second in a bin of the model."""
    return float(expected.sent.max())


def most_sent(record: Record) -> float:
    """The most attempts per second in a bin of a run."""
    return float(per_s(sent_s(record)).max())


def offered_at_the_end(record: Record) -> float:
    """Attempts sent in the last part of a run that came to its end, retries included, over the capacity."""
    return float(np.count_nonzero(sent_s(record) > RUN_S - END_S)) / END_S / CAPACITY


def outcomes(record: Record) -> tuple[int, int, int]:
    """How many requests were due, were answered in time, and were given up."""
    given_up = record.count("failures") + record.count("rejected")
    return record.column("arrived_s").size, record.column("number").size, given_up


def share_good(due_s: NDArray[Any], answered: NDArray[Any]) -> float:
    """Of the requests that were due in the last part of a run, but early enough to be answered: how many were, in time.

    When each request was due (s), and the numbers of those that were answered. NaN before that part.
    """
    asked = (due_s >= RUN_S - END_S) & (due_s < RUN_S - (1 + max(RETRIES.values())) * TIMEOUT_MS / 1e3)
    return float(np.mean(np.isin(np.flatnonzero(asked), answered))) if asked.any() else np.nan


def good_at_the_end(record: Record) -> float:
    """`share_good` of a run; NaN where it was stopped before its end."""
    if record.fact("elapsed_s", 0.0) < 0.98 * RUN_S:
        return np.nan
    return share_good(record.column("arrived_s"), record.column("number"))


def edge(chosen: Mapping[str, Any]) -> float:
    """Above which load (%) the retries alone keep the server down; NaN where there is none."""
    most = RETRIES.get(chosen["retries"], 0)
    is_free = chosen["cure"] == NOTHING and chosen["retries"] != BUDGET
    return 100 / (1 + most) if most and is_free else np.nan


def is_predicted_down(chosen: Mapping[str, Any]) -> bool:
    """What the condition says of a setting."""
    return bool(np.isfinite(edge(chosen))) and stays_down(chosen["load"] / 100, RETRIES[chosen["retries"]])


def counted(run: Record, moments_s: Any) -> Any:
    """Counted per second in those bins that the run has reached."""
    return np.where(EDGES[1:] <= run.fact("elapsed_s", 0.0) + 0.01, per_s(moments_s), np.nan)


def due(run: Record) -> Any:
    """When requests were due, in bins."""
    return BINS, counted(run, run.column("arrived_s"))


def sent(run: Record) -> Any:
    """When attempts were sent, in bins."""
    return BINS, counted(run, sent_s(run))


def retried(run: Record) -> Any:
    """The retries among the attempts: upright from the first ones to all."""
    bins, all_of_them = sent(run)
    return bins, all_of_them - counted(run, run.column("retried_s")), all_of_them


def in_time(run: Record) -> Any:
    """When requests were answered in time, in bins."""
    return BINS, counted(run, run.column("completed_s"))
