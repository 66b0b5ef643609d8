"""Checks of the exercises of notebook 04. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.judging import OPEN, Case, attempt, decision, is_function, is_run_of, judge, judge_cases
from perflab.chapters.measuring_throughput import admission, batching
from perflab.chapters.measuring_throughput.admission_model import LIMIT_S, RUN_S, Admit, if_there_is_a_place
from perflab.lab import Lab, Record
from perflab.lab.verdict import LATENCY, no_rows
from perflab.measure import count, duration, percentile, poisson
from perflab.measure.clock import VirtualClock
from perflab.systems.databases.batcher import batches
from perflab.systems.databases.flushing import WhenToFlush, when_to_flush
from perflab.theory.batching import Cost
from perflab.theory.workers import admitted

ASKED: dict[str, Any] = {"queue": 100, "rate": 200, "processing": 50}
MAX_P99_NS, OFTEN_ENOUGH, RUNS = 125e6, 0.95, 200


def check_fewest_workers(record: Record | None) -> None:
    """Modify: the smallest number of workers with which the p99 stays below 125 ms in 19 of 20 runs at 200 requests/s."""
    if record is None:
        print(f"{OPEN}Run the lab with a number of workers of your choice, and keep the record in `fewest`.")
        return
    if not is_run_of(record, "admission", settings=(*ASKED, "workers")):
        return
    wrong = {name: value for name, value in ASKED.items() if record.parameters[name] != value}
    if wrong or record.status != "complete":
        name, value = next(iter(wrong.items()), ("", ""))
        said = (
            f"`{name}` should be {value}. Change the workers, and nothing else." if wrong else "let it come to its end."
        )
        print(f"Not yet: {said}")
        return
    number, times = record.parameters["workers"], record.column(LATENCY)
    p99 = percentile(times, 0.99)
    this, good, fewer = (
        f"p99 {duration(p99)} of {count(times.size)} requests",
        share_good(number),
        share_good(number - 1),
    )
    simulated = f"of {RUNS} simulated runs with {number} workers {good * RUNS:.0f} stay below {duration(MAX_P99_NS)}"
    if good < OFTEN_ENOUGH:
        once = "it worked this time" if p99 < MAX_P99_NS else "some requests wait too long"
        print(f"Not yet: {once} ({this}), but {simulated}. What would shorten the queue?")
    elif fewer >= OFTEN_ENOUGH:
        print(f"That works ({this}): {simulated}. How many are busy on average? Fewer would do.")
    else:
        luck = "" if p99 < MAX_P99_NS else ", yours is one of the others or of a slower machine"
        print(f"Right: {simulated}; with one worker less only {fewer * RUNS:.0f}. Yours: {this}{luck}.")
        print("10 are busy on average (Little's law); the others are for moments with more arrivals.")


@cache
def share_good(workers: int) -> float:
    """Share of simulated runs of the lab, with these workers, whose p99 stays below the limit."""
    if workers < 1:
        return 0.0
    rate, service_s, places = ASKED["rate"], ASKED["processing"] / 1e3, ASKED["queue"]
    p99s = []
    for seed in range(RUNS):
        arrivals = poisson(rate, RUN_S, seed) / 1e9
        done = admitted(arrivals, service_s, workers, lambda queued: queued < places)
        p99s.append(1e9 * percentile((done - arrivals)[done <= RUN_S], 0.99))
    return float(np.mean(np.array(p99s) < MAX_P99_NS))


@dataclass(frozen=True)
class Situation:
    """Requests that arrive at workers, each of which takes so long for one, or a little longer; the queue has 1,000 places."""

    name: str
    workers: int
    service_s: float
    arrivals: NDArray[np.float64]

    def outcome(self, admit: Admit) -> tuple[int, int, int]:
        """How many requests are answered in time, too late, and rejected."""

        def may_queue(queued: int) -> bool:
            return decision(admit(queued, PLACES, self.workers, self.service_s))

        done = admitted(self.arrivals, LONGER * self.service_s, self.workers, may_queue)
        in_time = int(np.count_nonzero(done - self.arrivals <= LIMIT_S + 1e-9))
        rejected = int(np.isnan(done).sum())
        return in_time, self.arrivals.size - in_time - rejected, rejected


SITUATIONS = (
    Situation("500 requests/s at 8 workers of 50 ms", 8, 0.05, poisson(500, 2.0, 1) / 1e9),
    Situation("100 requests/s at 8 workers of 50 ms", 8, 0.05, poisson(100, 2.0, 2) / 1e9),
    Situation("300 requests/s at 4 workers of 40 ms", 4, 0.04, poisson(300, 2.0, 3) / 1e9),
    Situation("60 requests at once at 8 workers of 50 ms", 8, 0.05, np.zeros(60)),
    Situation("300 requests at once at 10 workers of 10 ms", 10, 0.01, np.zeros(300)),
)
ENOUGH, FEW, PLACES, LONGER = 0.85, 0.02, 1_000, 1.05
"""Of what is possible, as a shorter queue has less to serve when the arrivals end; and too late, of what is let in."""


def by_expected_wait(queued: int, places: int, workers: int, service_s: float) -> bool:
    """A rule that lets in what can be answered in time, with a margin, and nothing else."""
    return (queued + 1) / workers * service_s + service_s <= 0.9 * LIMIT_S


def check_admission(admit: Admit) -> Lab | None:
    """Make: a rule that lets a request queue where it can be answered in time; for overload, low load, and a burst."""
    how = "`admit` is called with queued, places, workers and service_s."
    if not is_function(admit, how):
        return None
    found = attempt(lambda: [situation.outcome(admit) for situation in SITUATIONS], how)
    if found is None:
        return None
    for situation, (in_time, late, rejected) in zip(SITUATIONS, found, strict=True):
        possible, *_ = situation.outcome(by_expected_wait)
        is_late = late > FEW * (in_time + late)
        if is_late or in_time < ENOUGH * possible:
            why = f"It rejects requests that could be answered within {LIMIT_S:g} s."
            if is_late:
                why = f"How can one tell, when a request arrives, that {LIMIT_S:g} s will not do? Leave a margin."
            told = f"{count(in_time)} are answered in time, {count(late)} too late, {count(rejected)} rejected"
            print(f"{OPEN}{situation.name}: {told}; {count(possible)} in time are possible. {why}")
            break
    else:
        usual, *_ = SITUATIONS[0].outcome(if_there_is_a_place)
        print(f"Right: in all {count(len(SITUATIONS))} situations nearly all that can be answered in time is.")
        print(
            f"At {SITUATIONS[0].name}: {count(found[0][0])} in time, with 1,000 places {count(usual)}. The lab uses your rule."
        )
    return replace(
        admission.lab(), question="What does your rule do?", policy={"admit": admit}, prediction=None, scenario=None
    )


COST = Cost(2e6, 2e4)
SIZE, MAX_WAIT_S, SECONDS = 50, 0.05, 2.0
QUIET, BUSY = 50, 2_000
BEST_QUIET_NS, BEST_BUSY_NS = 4.5e6, 10e6


def check_flush(when: WhenToFlush) -> Lab | None:
    """Make: short waits at 50 requests/s and at 2,000, which single commits cannot carry."""
    how = "`when` is called with pending, oldest_wait_s, size and max_wait_s."
    if not is_function(when, how):
        return None
    means = attempt(lambda: [mean_response_ns(when, rate) for rate in (QUIET, BUSY)], how)
    if means is None:
        return None
    quiet, busy = means
    told = f"Mean response {duration(quiet)} at {count(QUIET)} requests/s and {duration(busy)} at {count(BUSY)}/s"
    if quiet > BEST_QUIET_NS:
        print(f"{OPEN}{told}. At the low rate a commit takes {duration(float(COST.of(1)))}: what do requests wait for?")
    elif busy > BEST_BUSY_NS:
        print(f"{OPEN}{told}. At the high rate the commits are too small.")
    else:
        usual = [duration(mean_response_ns(when_to_flush, rate)) for rate in (QUIET, BUSY)]
        print(f"Right: {told}; with the timer it was {usual[0]} and {usual[1]}. The lab uses your policy.")
    question = "What does your policy do to waits and commits?"
    # The replay and the writer's lateness follow the lab's own policy.
    return replace(
        batching.lab(), question=question, policy={"when": when}, trust=no_rows, prediction=None, scenario=None
    )


def mean_response_ns(when: WhenToFlush, rate: int) -> float:
    """Mean response time with this policy, on a virtual clock: a commit costs 2 ms, and 20 µs a row."""
    clock, schedule = VirtualClock(), poisson(rate, SECONDS, 1)

    def write(numbers: Sequence[int]) -> Sequence[int]:
        clock.advance(int(COST.of(len(numbers))))
        return []

    def checked(pending: int, oldest_wait_s: float, size: int, max_wait_s: float) -> bool:
        return decision(when(pending, oldest_wait_s, size, max_wait_s))

    policy = when if when is when_to_flush else checked
    done = list(batches(schedule, write, SIZE, MAX_WAIT_S, policy, clock))
    total = sum(float(np.sum(batch.ended_ns - schedule[batch.first : batch.end])) for batch in done)
    return total / schedule.size


DESIGNS = {
    "more threads": "100 threads already wait for 20 connections. More threads would wait with them.",
    "more connections": "Right: 600/s of 50 ms are 30 connections in use on average (Little's law); 20 can do 400/s. "
    "About 40 leave room for random arrivals, if the database can take them.",
    "a longer queue": "A queue stores requests for a while, but serves none: the wait grows, the rate stays.",
    "a faster CPU": "The threads wait for the database; they do not compute.",
}


def check_design(answer: str | None) -> None:
    """Judge: what limits a server of 100 threads and 20 connections."""
    judge(answer, DESIGNS)


Report = Callable[[Sequence[float], float, float], float]
EVENLY = [moment / 10 for moment in range(1, 51)]
LOGS: dict[str, tuple[list[float], float, float, float]] = {
    "5 s of 10 a second, window 60 s": (EVENLY, 60.0, 5.0, 10.0),
    "the same, window 5 s": (EVENLY, 5.0, 5.0, 10.0),
    "the same, window 1 s": (EVENLY, 1.0, 5.0, 10.0),
    "the same, then 5 s of nothing, window 1 s": (EVENLY, 1.0, 10.0, 0.0),
    "the same, then 5 s of nothing, window 60 s": (EVENLY, 60.0, 10.0, 5.0),
    "a burst of 40 in the last 2 s of 8, window 4 s": ([6 + moment / 20 for moment in range(1, 41)], 4.0, 8.0, 10.0),
    "the same burst, window 30 s": ([6 + moment / 20 for moment in range(1, 41)], 30.0, 8.0, 5.0),
    "nothing done yet, window 60 s": ([], 60.0, 5.0, 0.0),
}
"""Moments at which requests were done, window, time since the start, and throughput of the window that ends now."""


def check_the_lie(report: Report) -> None:
    """Spot the lie: a window that is longer than the run."""
    if not is_function(report, "`report` is called with done, window and now."):
        return
    cases = [
        # Whether a request at the edge of the window counts is left open.
        Case(f"{name}:", partial(report, list(done), window, now), expected, 1.0 / min(window, now) + 1e-9)
        for name, (done, window, now, expected) in LOGS.items()
    ]
    judge_cases(cases, "a window holds no more time than has passed.", unit=" requests/s")
