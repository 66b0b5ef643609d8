"""Checks of the exercises of notebook 04. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from perflab.chapters.judging import OPEN, Case, attempt, judge, judge_cases
from perflab.chapters.measuring_throughput import batching, workers
from perflab.lab import Lab, Record
from perflab.lab.verdict import LATENCY, no_rows
from perflab.measure import count, duration, percentile, poisson
from perflab.measure.clock import VirtualClock
from perflab.systems.databases.batcher import WhenToFlush, batches, when_to_flush
from perflab.systems.servers.worker_kinds import THREADS
from perflab.theory.batching import Cost

ASKED: dict[str, Any] = {"kind": THREADS, "connections": 64, "computing": 0, "queue": 100, "rate": 200}
WANTED_PER_S, MAX_P99_NS = 180, 150e6
MIN_REQUESTS = 300
BUSY_WORKERS, ENOUGH = 10, 13


def check_fewest_workers(record: Record | None) -> None:
    """Modify: nearly all of 200 requests/s served, p99 below 150 ms, with as few workers as will do."""
    if record is None:
        print(f"{OPEN}Run the lab with a number of workers of your choice, and keep the record in `fewest`.")
        return
    wrong = {name: value for name, value in ASKED.items() if record.parameters[name] != value}
    if wrong:
        name, value = next(iter(wrong.items()))
        print(f"Not yet: `{name}` should be {value!r}. Change the workers, and nothing else.")
        return
    number, through, times = record.parameters["workers"], workers.throughput(record), record.column(LATENCY)
    # Even with enough workers, one run in thirty gets fewer requests than that.
    again = " Or did fewer requests arrive this time? Run it once more." if number > BUSY_WORKERS else ""
    if not times.size or through < WANTED_PER_S:
        served = count(np.nan_to_num(through))
        print(f"Not yet: {served} requests/s are served; at least {WANTED_PER_S} should be.{again}")
        return
    p99 = percentile(times, 0.99)
    if times.size < MIN_REQUESTS:
        print(f"Not yet: {count(times.size)} requests are too few for a p99. Let the run come to its end.")
    elif p99 > MAX_P99_NS:
        print(f"Not yet: the p99 is {duration(p99)}, and should be below {duration(MAX_P99_NS)}.")
        print("All requests are served, but some wait too long: what would shorten the queue?")
    elif number <= BUSY_WORKERS:
        print(f"Not yet: it worked this time, but {BUSY_WORKERS} are busy on average: the queue would grow slowly.")
    elif number > ENOUGH:
        print(f"That works, with {number} workers. How many are busy on average? Fewer would do.")
    else:
        print(f"Right: {number} workers serve {count(through)} requests/s with a p99 of {duration(p99)}.")
        print(f"{BUSY_WORKERS} are busy on average (Little's law); the others are for moments with more arrivals.")


COST = Cost(2e6, 2e4)
SIZE, MAX_WAIT_S, SECONDS = 50, 0.05, 2.0
QUIET, BUSY = 50, 2_000
BEST_QUIET_NS, BEST_BUSY_NS = 5e6, 10e6


def check_flush(when: WhenToFlush) -> Lab | None:
    """Make: short waits at 50 requests/s and at 2,000, which single commits cannot carry."""
    how = "`when` is called with pending, oldest_wait_s, size and max_wait_s."
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
    return replace(batching.lab(), question=question, policy={"when": when}, trust=no_rows, prediction=None)


def mean_response_ns(when: WhenToFlush, rate: int) -> float:
    """Mean response time with this policy, on a virtual clock: a commit costs 2 ms, and 20 µs a row."""
    clock, schedule = VirtualClock(), poisson(rate, SECONDS, 1)

    def write(numbers: Sequence[int]) -> Sequence[int]:
        clock.advance(int(COST.of(len(numbers))))
        return []

    done = list(batches(schedule, write, SIZE, MAX_WAIT_S, when, clock))
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
}
"""Moments at which requests were done, window, time since the start, and throughput of the window that ends now."""


def check_the_lie(report: Report) -> None:
    """Spot the lie: a window that is longer than the run."""
    cases = [
        # Whether a request at the edge of the window counts is left open.
        Case(f"{name}:", partial(report, list(done), window, now), expected, 1.0 / min(window, now) + 1e-9)
        for name, (done, window, now, expected) in LOGS.items()
    ]
    judge_cases(cases, "a window holds no more time than has passed.", unit=" requests/s")
