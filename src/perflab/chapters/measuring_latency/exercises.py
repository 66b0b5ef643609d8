"""Checks of the exercises of notebook 02. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.judging import (
    OPEN,
    RIGHT,
    Case,
    attempt,
    is_function,
    is_run_of,
    judge,
    judge_cases,
    numbers_of,
    plain,
)
from perflab.chapters.measuring_latency import percentiles, percentiles_model
from perflab.chapters.measuring_latency.clients import SLOW_NS, slow_of
from perflab.chapters.measuring_latency.own_client import CLIENTS, lab_with
from perflab.chapters.virtual_time import VirtualTime
from perflab.lab import Lab, Record, latencies_of
from perflab.lab.verdict import Row
from perflab.measure import count, duration, percent, poisson
from perflab.measure.clock import measure_clock
from perflab.measure.guards import BadInput
from perflab.measure.percentiles import nearest_rank
from perflab.systems.clients.ticket_server import Client, TicketServer, VirtualTarget


def check_batched(alone: Record, batched: Record | None) -> None:
    """Modify: only the batch size differs, and the clock is less than a tenth of what is measured."""
    if batched is None:
        print(f"{OPEN}Run the lab again with a batch size, and keep the record in `batched`.")
        return
    if not all(is_run_of(record, "stopwatch", settings=("operation", "batch")) for record in (alone, batched)):
        return
    other = {name for name in alone.parameters if alone.parameters[name] != batched.parameters.get(name)} - {"batch"}
    before, after = (float(np.median(latencies_of(record))) for record in (alone, batched))
    clock_ns = measure_clock().reading_ns / batched.parameters["batch"]
    if other:
        print(f"Not yet: {', '.join(sorted(other))} differs too, so you cannot tell what made the difference.")
    elif alone.parameters["batch"] != 1:
        print("Not yet: `alone` should have a batch size of 1, so that each look-up is timed alone.")
    elif clock_ns > 0.1 * after:
        print(
            f"Not yet: the clock is still {duration(clock_ns)} of {duration(after)}. A larger batch shares it among more."
        )
    else:
        print(f"{RIGHT}. One look-up: {duration(before)} with the clock, {duration(after)} nearly without it.")


Percentile = Callable[[Sequence[float], float], float]
PERCENTILE_CALL = "percentile is called with latencies, a list of numbers, and share, such as 0.99."


def check_percentile(percentile: Percentile) -> Lab | None:
    """Make: the learner's percentile by nearest rank, on lists of many lengths; the lab then uses it."""
    if not is_function(percentile, PERCENTILE_CALL):
        return None
    probe: list[Any] | None = attempt(lambda: [percentile([3.0, 1.0, 2.0], 0.5)], PERCENTILE_CALL)
    if probe is None:
        return None
    if probe[0] is None:
        print(f"{OPEN}Return the latency that at least `share` of the latencies do not exceed.")
        return None
    right = "your percentile agrees for each list. The table of the lab below has a row of yours."
    if not judge_cases(_percentile_cases(percentile), right, what="lists", unit=" ms"):
        return None

    def table(record: Record, pinned: Record | None) -> list[Row]:
        runs = [
            percentiles_model.counted(run).tolist()
            for run in (record, pinned)
            if run is not None and latencies_of(run).size
        ]
        return [*percentiles.table(record, pinned), ("p99, your function", *(_yours(percentile, run) for run in runs))]

    question = "Does your percentile agree with the lab's?"
    return replace(percentiles.lab(), question=question, table=table, prediction=None, finding=None)


def _yours(percentile: Percentile, latencies: list[float]) -> str:
    try:
        return duration(numbers_of([percentile(latencies, 0.99)], 1)[0])
    except Exception as error:  # of the learner's function: said in the table
        return f"fails: {type(error).__name__}"


def _percentile_cases(percentile: Percentile) -> list[Case]:
    generator, cases = np.random.default_rng(2), []
    jump = [1.0] * 99 + [100.0]
    lists = {
        "99 latencies of 1 ms and one of 100 ms": jump,
        "one latency of 7 ms": [7.0],
        "5, 1, 3 ms": [5.0, 1.0, 3.0],
    }
    for size in (2, 10, 72, 100, 368, 1_000):
        lists[f"{count(size)} latencies in no order"] = generator.permutation(np.arange(1.0, size + 1)).tolist()
    lists["1,000 latencies, many of them equal"] = generator.integers(1, 4, 1_000).astype(float).tolist()
    for named, latencies in lists.items():
        for share in (0.5, 0.95, 0.99, 1.0):
            rank = nearest_rank(len(latencies), share)
            # Where floating point makes the product a little more than a whole number, a right function may say either.
            if rank == math.ceil(share * len(latencies)):
                asked, expected = f"the p{100 * share:g} of {named}:", sorted(latencies)[rank - 1]
                cases.append(Case(asked, partial(_untouched, percentile, latencies, share), expected, 1e-9))
    return cases


def _untouched(percentile: Percentile, latencies: list[float], share: float) -> float:
    given = list(latencies)
    found = percentile(given, share)
    if given != latencies:
        raise BadInput("it changes the list that it is given: `sorted(latencies)` makes a new one")
    return found


@dataclass(frozen=True)
class Trial:
    """A simulated server for a client: when its requests are due (s), the stall, and how late the client wakes up."""

    due_s: list[float]
    stall: tuple[float, float]
    late_s: float = 0.0


TRIALS = (
    Trial([number / 100 for number in range(100)], (0.3, 0.6)),
    Trial((poisson(200, 0.5, 1) / 1e9).tolist(), (0.1, 0.15)),
    Trial([number / 50 for number in range(40)], (0.2, 0.5), late_s=0.004),
    Trial([0.01], (0.0, 0.2)),
)
SERVICE_S, READING_NS, NEAR_S = 0.001, 1_000, 0.0005
CLIENT_CALL = (
    "client is called with due_s, a list of seconds, and server, which has now, wait_until, send and answered_at."
)


def check_client(client: Client) -> Lab | None:
    """Make: the learner's open loop, on simulated servers that stall, and then on a real one; the lab then uses it."""
    if not is_function(client, CLIENT_CALL):
        return None
    for trial in TRIALS:
        fault = attempt(partial(_client_fault, client, trial), CLIENT_CALL)
        if fault is None:
            return None
        if fault:
            print(f"{OPEN}{fault}")
            return None
    lab = lab_with(client)
    record = attempt(lab.run, "on a real server:")
    if record is None:
        return None
    if not record.column("yours_ns").size:
        print(
            f"{RIGHT} on the simulated server. The run on the real one was too short to tell: measure once more in the lab below."
        )
        return lab
    found = {name: slow_of(times(record)) for name, times in CLIENTS.items()}
    print(f"{RIGHT}: on a real server that stalls, your client finds {found['your client']} requests slower than")
    print(f"{duration(SLOW_NS)}; the lab's open loop finds {found['open loop']}.")
    return lab


def _client_fault(client: Client, trial: Trial) -> str:
    virtual = VirtualTime(READING_NS)
    server = TicketServer(VirtualTarget(virtual.clock, SERVICE_S, trial.stall, trial.late_s), virtual.clock)
    with virtual.seen_by(client):
        answered = _latencies(client(list(trial.due_s), server), len(trial.due_s))
    due, sent = np.array(trial.due_s), np.array(server.sent_s)
    if sent.size != due.size:
        return f"{count(due.size)} requests are due, and {count(sent.size)} were sent."
    if (early := np.flatnonzero(sent < due - NEAR_S)).size:
        return f"Request {early[0]} is due at {due[early[0]]:g} s, and was sent at {sent[early[0]]:.3f} s: wait until it is due."
    if (late := np.flatnonzero(sent > due + trial.late_s + NEAR_S)).size:
        told = f"Request {late[0]} is due at {due[late[0]]:g} s, and was sent at {sent[late[0]]:.3f} s."
        return f"{told} Send each request when it is due, and ask for the answers when all are sent."
    return _latency_fault(answered, due, sent, server)


def _latencies(answered: Any, most: int) -> list[float] | None:
    """The latencies in what a client returned; None where they are none."""
    # A generator asks the server only now, and what it raises then is not a matter of numbers.
    listed = list(islice(answered, most + 1)) if isinstance(answered, Iterator) else answered
    try:
        found = numbers_of(listed, most)
    except BadInput:
        return None
    return found if all(map(math.isfinite, found)) else None


def _latency_fault(answered: list[float] | None, due: NDArray[Any], sent: NDArray[Any], server: TicketServer) -> str:
    if answered is None:
        return "Return a list of latencies: one number of seconds for each request."
    if len(answered) != due.size:
        return f"{count(due.size)} requests were due, and {count(len(answered))} latencies are returned."
    for number in range(due.size):
        server.answered_at(number)
    done = np.array([server.answered_s[number] for number in range(due.size)])
    found, right = np.asarray(answered, float), done - due
    off = np.abs(found - right) > NEAR_S
    if not off.any():
        return ""
    if np.abs(found - (done - sent)).max() < NEAR_S:
        return "The client woke up late, and its latencies leave that out: count from when a request was due, not sent."
    if any(np.abs(found / times - right).max() < NEAR_S for times in (1e3, 1e6, 1e9)):
        return "The latencies are right, but not in seconds."
    first = int(np.flatnonzero(off)[0])
    told = f"Request {first} was due at {due[first]:g} s and answered at {done[first]:.3f} s"
    return f"{told}: its latency is {right[first]:.3f} s, not {found[first]:.3f} s. {percent(off.mean())} are wrong."


def check_average_of_percentiles(answer: str | None) -> None:
    """Judge: what an average of percentiles says about the whole."""
    told = {
        "higher": "it may be: it follows if more than 1% of the day's requests took longer than 40 ms. The report does not say.",
        "lower": "it may be: in quiet minutes one slow request is the p99, and 1,380 of them can raise the average. "
        "The report does not say.",
        "cannot tell": "Right: the average counts minutes, a percentile counts requests. Ask for the merged histogram.",
    }
    judge("cannot tell" if plain(answer) in CANNOT_TELL else answer, told)


CANNOT_TELL = ("can not tell", "can t tell", "you cannot tell")
