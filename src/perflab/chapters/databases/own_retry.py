"""Check of the policy of retries that learners write in notebook 10: judged by simulated conflicts, and tried on a real file."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from reprlib import repr as in_short
from typing import NamedTuple

from perflab.chapters.judging import OPEN, RIGHT, attempt, in_words, is_function
from perflab.measure import count, number, percent
from perflab.measure.guards import BadInput, is_number
from perflab.systems.databases.conflicts import Retry, Tally, real_run, simulated
from perflab.systems.databases.virtual_counters import locked

HOW = "`retry(tries, error)` returns how many seconds to wait, or None to give up."
CLIENTS, SEEDS, SIMULATED_S, MEASURED_S = 16, range(3), 5.0, 0.4
MAX_TRIES, MAX_WAIT_S = 100, 60.0
"""Of a policy while the row stays locked for ever."""
ENOUGH, MAX_GIVEN_UP, MAX_PER_INCREMENT = 0.6, 0.01, 4.0
"""Of the increments per second of random waits that grow; share that is given up; tries for each increment that is done."""
TOLD: Sequence[tuple[type[sqlite3.Error], str, str]] = (
    (sqlite3.OperationalError, "no such table: counter", "SQLITE_ERROR"),
    (sqlite3.OperationalError, "database or disk is full", "SQLITE_FULL"),
    (sqlite3.IntegrityError, "CHECK constraint failed: number >= 0", "SQLITE_CONSTRAINT_CHECK"),
)
"""What is raised again however often one tries."""


class Hopeless(NamedTuple):
    """How long a policy goes on while the row stays locked: tries, and all their waits (s)."""

    tries: int
    waited_s: float


def checked(retry: Retry) -> Retry:
    """The policy, whose answers are seconds or None; whatever else it does raises `BadInput`, one sentence."""

    def ask(tries: int, error: Exception) -> float | None:
        asked = f"asked with tries={tries} and {type(error).__name__}: {error}"
        try:
            found = retry(tries, error)
        except Exception as raised:
            raise BadInput(f"It raised {in_words(raised)} ({asked}).") from raised
        if found is None:
            return None
        if not is_number(found) or not 0 <= found < float("inf"):
            raise BadInput(f"It returned {in_short(found)} ({asked}).")
        return float(found)

    return ask


def at_once(tries: int, error: Exception) -> float | None:
    """What learners' policies are compared with on a real file."""
    return 0.0


def growing(seed: int) -> Retry:
    """Random waits whose longest doubles from 4 to 100 ms."""
    chance = random.Random(seed)
    return lambda tries, error: chance.uniform(0, min(0.1, 0.002 * 2**tries))


def hopeless(retry: Retry) -> Hopeless:
    """What it does while the row stays locked, as far as the limits."""
    waited = 0.0
    for tries in range(1, MAX_TRIES + 1):
        wait_s = retry(tries, locked())
        if wait_s is None or waited + wait_s > MAX_WAIT_S:
            return Hopeless(tries, waited + (wait_s or 0.0))
        waited += wait_s
    return Hopeless(MAX_TRIES + 1, waited)


def useless(retry: Retry) -> str:
    """What it tries again though that cannot help, of `TOLD`; empty where there is nothing."""
    for kind, text, name in TOLD:
        error = kind(text)
        error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, name), name
        if retry(1, error) is not None:
            return f"{kind.__name__}: {text}"
    return ""


def conflicts(retry: Retry) -> Tally:
    """All clients of some simulated runs."""
    return sum((simulated(CLIENTS, retry, SIMULATED_S, seed) for seed in SEEDS), Tally())


def fault(retry: Retry) -> str:
    """What is wrong with a policy, in one sentence; empty where nothing is."""
    if tried := useless(retry):
        return f"it tries again after “{tried}”. Which errors go away by waiting?"
    ends = hopeless(retry)
    if ends.tries > MAX_TRIES or ends.waited_s > MAX_WAIT_S:
        return (
            f"while the row stays locked it is still trying after {count(ends.tries)} tries and {ends.waited_s:.3g} s."
        )
    found, possible = conflicts(retry), conflicts(growing(1))
    asked = f"{CLIENTS} clients, simulated"
    share = found.given_up / max(1, found.done + found.given_up)
    if share > MAX_GIVEN_UP:
        return f"{asked}: it gives up {percent(share)} of the increments. How many tries does a conflict take?"
    if found.done < ENOUGH * possible.done:
        told = f"{asked}: {count(found.done)} increments, and random waits that grow get {count(possible.done)}"
        return f"{told}. What does a client do all this time?"
    if found.tries > MAX_PER_INCREMENT * found.done:
        each = f"{number(found.tries / found.done)} tries for each increment"
        return (
            f"{asked}: {each}. The more often a client is refused, the more others are there: how long should it wait?"
        )
    return ""


def rate_said(run: Tally) -> str:
    """Of a run on a real file."""
    return f"{count(run.done / MEASURED_S)} increments/s by {number(run.tries / max(1, run.done))} tries each"


def check_retry(retry: Retry) -> None:
    """Make: a policy of retries that loses nothing, ends, and does not waste tries."""
    if not is_function(retry, HOW):
        return
    policy = checked(retry)
    found = attempt(lambda: fault(policy), HOW)
    if found is None:
        return
    if found:
        print(f"{OPEN}{found[0].upper()}{found[1:]}")
        return
    runs = attempt(lambda: [real_run(CLIENTS, each, MEASURED_S) for each in (policy, at_once)], HOW)
    if runs is None:
        return
    (yours, stored), (others, _) = runs
    if stored != yours.done:
        print(f"{OPEN}{count(yours.done)} increments were committed on a real file, and its row says {count(stored)}.")
        return
    told = [rate_said(each) for each in (yours, others)]
    print(
        f"{RIGHT}: nothing is lost, and it ends. On a real file just now {told[0]}; {told[1]} when tried again at once."
    )
