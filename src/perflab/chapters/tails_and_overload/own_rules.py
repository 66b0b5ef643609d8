"""Checks of the rules that learners write in notebook 07: which request may queue, and when a client tries again.

Both decide in simulated runs first, and then in the labs' real server and client.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from perflab.chapters.judging import OPEN, RIGHT, attempt, is_function
from perflab.chapters.tails_and_overload import overload, overload_model, storm, storm_model
from perflab.chapters.tails_and_overload.overload_model import CAPACITY, CONSTANT, EXPONENTIAL, FIFO, RUN_S
from perflab.chapters.tails_and_overload.storm_model import AT_ONCE, NONE, NOTHING, YOURS
from perflab.lab import Lab, choice
from perflab.lab.verdict import no_rows
from perflab.measure import percent, poisson
from perflab.systems.clients.attempts import Retry
from perflab.systems.servers.waiting_line import MayQueue, Rank

SEEDS = range(100, 104)
ENOUGH, MAX_LATE = 0.93, 0.1
"""Of the goodput of a rule that counts, and of the answers that may be late."""


@dataclass(frozen=True)
class Crowd:
    """Offered load (× capacity), deadline (ms) and kind of services."""

    offered: float
    deadline: int
    kind: str

    @property
    def name(self) -> str:
        return f"{self.offered:g} × capacity, deadline {self.deadline} ms, {self.kind} services"

    def outcome(self, may_queue: MayQueue) -> tuple[float, float]:
        """Goodput over the capacity, and the share of answers that are late."""
        good = late = 0
        for seed in SEEDS:
            arrivals = poisson(self.offered * CAPACITY, RUN_S, seed) / 1e9
            took = overload_model.service_us(self.kind, arrivals.size, seed) / 1e6
            run = overload_model.simulated(arrivals, took, FIFO, self.deadline / 1e3, may_queue)
            times = run.responses[run.departures[~run.lost] <= RUN_S]
            good += int(np.count_nonzero(times <= self.deadline / 1e3))
            late += int(np.count_nonzero(times > self.deadline / 1e3))
        return good / len(SEEDS) / RUN_S / CAPACITY, late / max(1, good + late)


CROWDS = (
    Crowd(2.0, 80, CONSTANT),
    Crowd(2.0, 20, CONSTANT),
    Crowd(3.0, 200, EXPONENTIAL),
    Crowd(2.0, 40, EXPONENTIAL),
    Crowd(0.75, 80, EXPONENTIAL),
)


def by_expected_wait(queued: int, service_s: float, deadline_s: float) -> bool:
    """A rule that lets in what will usually be answered within two thirds of the deadline."""
    return (queued + 2) * service_s <= 2 / 3 * deadline_s


def check_may_queue(may_queue: MayQueue) -> Lab | None:
    """Make: a rule of admission for several deadlines. Returns the lab with this rule."""
    how = "`may_queue` is called with queued, service_s and deadline_s, and returns True or False."
    if not is_function(may_queue, how):
        return None
    found = attempt(lambda: [crowd.outcome(may_queue) for crowd in CROWDS], how)
    if found is None:
        return None
    for crowd, (good, late) in zip(CROWDS, found, strict=True):
        possible, _ = crowd.outcome(by_expected_wait)
        told = f"{crowd.name}: {percent(good)} of the capacity are answered in time, {percent(late)} of the answers are late"
        if late > MAX_LATE:
            print(f"{OPEN}{told}. How long will a request wait, when it finds so many in the queue?")
            break
        if good < ENOUGH * possible:
            print(f"{OPEN}{told}; {percent(possible)} in time are possible. The worker is idle too often.")
            break
    else:
        print(f"{RIGHT}: for each deadline the worker stays busy, and few answers are late. The lab uses your rule.")
    return lab_with(may_queue=may_queue)


def lab_with(**policy: MayQueue | Rank) -> Lab:
    """The lab on overload with the learner's `may_queue`, or with a discipline of the learner's: `rank`."""
    return replace(
        overload.lab(),
        question="What does your rule do?",
        policy=policy,
        prediction=None,
        trust=no_rows,
        finding=lambda record, _: overload.answered(record, f"“{record.parameters['discipline']}” with your rule"),
    )


@dataclass(frozen=True)
class Trouble:
    """Load (%) and length of the stall (s); whether it is short, so that retries should save what it has cost."""

    load: int
    stall: float
    is_short: bool

    @property
    def name(self) -> str:
        return f"{self.load}% load, a stall of {1e3 * self.stall:.0f} ms"

    def outcome(self, retry: Retry | None) -> tuple[float, float]:
        """Shares of requests that were never answered in time: of the whole run, and of its last part."""
        runs = [storm_model.simulated(self.load, YOURS, self.stall, NOTHING, seed, retry) for seed in SEEDS]
        answered = sum(run.samples["number"].size for run in runs) / sum(run.samples["arrived_s"].size for run in runs)
        ends = [
            storm_model.share_good(*(np.asarray(run.samples[name]) for name in ("arrived_s", "number"))) for run in runs
        ]
        return 1 - answered, 1 - float(np.mean(ends))


TROUBLES = (Trouble(20, 0.1, True), Trouble(50, 0.3, False), Trouble(60, 0.3, False))
MAX_LEFT, MAX_LOST = 0.5, 0.05
"""Of what a short stall costs without retries, and of all requests at the end of a run."""


def check_retry(retry: Retry) -> Lab | None:
    """Make: a policy of retries that helps after a short stall, and causes no storm. Returns the lab with this policy."""
    how = "`retry` is called with attempt and tokens, and returns seconds, or None to give up."
    if not is_function(retry, how):
        return None
    found = attempt(lambda: [trouble.outcome(retry) for trouble in TROUBLES], how)
    if found is None:
        return None
    for trouble, (lost, lost_at_the_end) in zip(TROUBLES, found, strict=True):
        without, _ = trouble.outcome(None)
        if lost_at_the_end > MAX_LOST:
            print(
                f"{OPEN}{trouble.name}: at the end {percent(lost_at_the_end)} of the requests fail. What limits the retries?"
            )
            break
        if trouble.is_short and lost > MAX_LEFT * without:
            told = f"{percent(lost)} of the requests fail, {percent(without)} without retries"
            print(f"{OPEN}{trouble.name}: {told}. Is the stall over when you try again?")
            break
    else:
        print(f"{RIGHT}: it saves what a short stall has cost, and causes no storm. The lab uses your policy.")
    lab = storm.lab()
    return replace(
        lab,
        question="What does your policy do?",
        controls={**lab.controls, "retries": choice((YOURS, NONE, AT_ONCE))},
        policy={"retry": retry},
        prediction=None,
    )
