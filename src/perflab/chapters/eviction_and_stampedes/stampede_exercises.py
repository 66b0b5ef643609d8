"""Checks of exercises of notebook 09: a rule of early expiry, and a cache whose keys lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from reprlib import repr as in_short
from typing import Any

import numpy as np

from perflab.chapters.eviction_and_stampedes import stampede, stampede_model
from perflab.chapters.eviction_and_stampedes.stampede_model import NONE, XFETCH, YOURS, YOURS_SINGLE
from perflab.chapters.judging import OPEN, RIGHT, attempt, is_function
from perflab.lab import Lab, Record, choice
from perflab.lab.verdict import no_rows
from perflab.measure import count, percent, poisson
from perflab.systems.caches.hot_key import Cure, Early
from perflab.systems.servers.policy import Policy


@dataclass(frozen=True)
class Traffic:
    """Reads per second of a key, and milliseconds that its value takes."""

    rate: int
    query_ms: int

    @property
    def name(self) -> str:
        return f"{count(self.rate)} reads/s, {self.query_ms} ms"

    def outcome(self, early: Early) -> tuple[float, float, float]:
        """Computations per expiry, the share of expiries before which none had begun, and for which share of its life a value was
        used on average; each computation has a CPU.
        """
        found, missed, used = [], [], []
        for seed in SEEDS:
            schedule = poisson(self.rate, TRIED_S, seed)
            queries_s = repeat(self.query_ms / 1e3)
            frame = stampede_model.simulated(schedule, Cure(early=early), TTL_S, queries_s, 64, seed, TRIED_S)
            run = Record("stampede", {}, seed, "", frame)
            begun, ended, fresh_until_s = np.sort(run.column("decided_s")), run.column("ended_s"), TTL_S
            for number in stampede_model.groups(run):
                left_s = fresh_until_s - begun[0]
                missed.append(left_s <= 0)
                used.append(1 - max(0.0, left_s) / TTL_S)
                found.append(number)
                fresh_until_s = TTL_S + max(ended[np.isin(run.column("of_s"), begun[:number])], default=begun[0])
                begun = begun[number:]
        return float(np.mean(found)), float(np.mean(missed)), float(np.mean(used))


TRAFFIC = (Traffic(200, 40), Traffic(400, 20), Traffic(100, 60))
SEEDS, TRIED_S, TTL_S = range(100, 105), 20.0, 2.0
MAX_COMPUTED, MAX_MISSED, MIN_USED = 3.8, 0.1, 0.6
EARLY_HOW = "`early` gets left_s, took_s and drawn, and returns True or False."


def check_early(early: Early) -> Lab | None:
    """Make: a rule of early expiry. Returns the lab with this rule, with and without a single flight."""
    if not is_function(early, EARLY_HOW):
        return None
    rule = Policy("The rule", early)
    found = attempt(lambda: [each.outcome(rule) for each in TRAFFIC], EARLY_HOW)
    if found is None:
        return None
    for traffic, (computed, missed, used) in zip(TRAFFIC, found, strict=True):
        told = f"{traffic.name}: {computed:.1f} computations per expiry, {percent(missed)} of the expiries came first"
        if used < MIN_USED:
            print(f"{OPEN}{told}, and a value is used for {percent(used)} of its life: that is too early.")
            break
        if missed > MAX_MISSED:
            print(f"{OPEN}{told}. Is there time enough for a computation?")
            break
        if computed > MAX_COMPUTED:
            print(f"{OPEN}{told}. Several reads see the same: what would make only some of them compute?")
            break
    else:
        print(
            f"{RIGHT}: few compute, early enough. Where computations share CPUs it is another matter: try it in the lab."
        )
    return replace(
        stampede.lab(),
        question="What does your rule do, alone and with a single flight?",
        charts=stampede.charts((YOURS, YOURS_SINGLE, XFETCH, NONE)),
        controls={**stampede.lab().controls, "cure": choice((YOURS, YOURS_SINGLE, XFETCH, NONE), label="protection")},
        policy={"early": early},
        prediction=None,
        trust=no_rows,
    )


Cached = Callable[[dict[Any, Any], Mapping[str, Any], Callable[[], Any], float, float, int], Any]
CACHED_HOW = "`cached(store, params, ask, now_s, ttl_s, most)` should return the answer to `params`."


class Alike(str):
    """Texts that differ, and read the same. JSON tells them apart."""

    def __repr__(self) -> str:
        return "Monday"

    __str__ = __repr__


MONDAYS = Alike("1 June"), Alike("8 June")
Read = tuple[float, dict[str, Any], bool]
"""When (s), with which parameters, and whether the cache has the answer."""
STORIES: Mapping[str, Sequence[Read]] = {
    "The same request again": [
        (0, {"id": 1}, False),
        (1, {"id": 1}, True),
        (2, {"id": 2}, False),
        (3, {"id": 2}, True),
    ],
    "Parameters in another order": [(0, {"id": 1, "page": 2}, False), (1, {"page": 2, "id": 1}, True)],
    "A number and a text": [(0, {"id": 1}, False), (1, {"id": "1"}, False), (2, {"id": 1}, True)],
    "Two values that read alike": [(0, {"day": MONDAYS[0]}, False), (1, {"day": MONDAYS[1]}, False)],
    "Two keys with the same hash": [(0, {"id": -1}, False), (1, {"id": -2}, False)],
    "An answer that is too old": [
        (0, {"id": 1}, False),
        (9, {"id": 1}, True),
        (11, {"id": 1}, False),
        (12, {"id": 1}, True),
    ],
    "A year of requests": [(float(number), {"id": number}, False) for number in range(500)],
}
LIFE_S, MOST = 10.0, 20


def story_fault(cached: Cached, reads: Sequence[Read]) -> str:
    """What is wrong with the first read that goes wrong."""
    store: dict[Any, Any] = {}
    asked: list[int] = []
    answers: list[tuple[dict[str, Any], int]] = []

    def ask() -> int:
        asked.append(len(asked))
        return asked[-1]

    for now_s, params, is_hit in reads:
        before = len(asked)
        answer = cached(store, params, ask, now_s, LIFE_S, MOST)
        if len(asked) - before != (not is_hit):
            should = "be found, and was asked for" if is_hit else "be asked for, and was not"
            return f"at {now_s:g} s {params} should {should}."
        expected = next(said for given, said in reversed(answers) if given == params) if is_hit else asked[-1]
        if answer != expected:
            return f"at {now_s:g} s {params} got {in_short(answer)}; its answer is {expected}."
        answers.append((params, expected))
        if len(store) > MOST:
            return f"at {now_s:g} s the store holds {count(len(store))} answers; {MOST} is the most."
    return ""


def check_the_lie(cached: Cached) -> None:
    """Spot the lie: a cache with a text's hash for a key, which never forgets."""
    if not is_function(cached, CACHED_HOW):
        return
    for name, reads in STORIES.items():
        fault = attempt(lambda: story_fault(cached, reads), CACHED_HOW)  # noqa: B023
        if fault is None:
            return
        if fault:
            print(f"{OPEN}{name}: {fault}")
            return
    print(
        f"{RIGHT}: each request has a key of its own, an answer grows old, and the store stays small. Now measure hits again."
    )
