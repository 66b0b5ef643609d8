"""Checks of the exercises of notebook 09 on eviction. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

from perflab.chapters.eviction_and_stampedes import policy_runs as runs
from perflab.chapters.eviction_and_stampedes import what_to_evict
from perflab.chapters.eviction_and_stampedes.own_score import YOURS, Score, scored
from perflab.chapters.eviction_and_stampedes.policy_runs import IN_LOOP, LRU, OPTIMUM, POLICIES, SCANS, SHIFTS, ZIPF
from perflab.chapters.judging import OPEN, RIGHT, attempt, is_function, is_run_of, judge
from perflab.lab import Lab, Record, choice
from perflab.measure import percent
from perflab.measure.guards import is_number
from perflab.theory import traces
from perflab.theory.eviction import HIT, Policy, decisions

PLACES = 1_000


def check_kept(record: Record | None) -> None:
    """Modify: in the loop that LRU hits nothing in, more than half of the reads hit with another policy."""
    if record is None:
        print(
            f"{OPEN}Run the lab on the loop with 1,000 places and one more setting of your choice; keep it in `kept`."
        )
        return
    if not is_run_of(record, "what_to_evict", "misses"):
        return
    chosen = record.parameters
    for name, value in {"trace": IN_LOOP, "capacity": PLACES}.items():
        if chosen[name] != value:
            print(f"Not yet: `{name}` should be {value!r}; change what is evicted.")
            return
    name, hit = chosen["policy"], 1 - runs.misses_of_chosen(record)
    if name == OPTIMUM:
        print("Not yet: the optimum has to know what will be read. Which policy does without?")
    elif hit < 0.5:
        print(f"Not yet: {name} hits {percent(hit)} of the reads. Which one does not evict what was read longest ago?")
    else:
        print(f"{RIGHT}: {name} keeps a part of the loop, and hits {percent(hit)} of the reads. The optimum hits 80%.")


class Trial(NamedTuple):
    """A trace, the seed of its keys, and how many points more than LRU a score should hit; fewer where it is negative."""

    trace: str
    seed: int
    more: float

    @property
    def keys(self) -> list[int]:
        return runs.keys_of(self.trace, 1.0, self.seed).tolist()

    def hit_ratio(self, policy: Policy) -> float:
        """With 1,000 places, after the warm-up."""
        return float(np.mean(decisions(policy, self.keys, PLACES)[runs.WARM_UP :] == HIT))


TRIALS = (Trial(SCANS, 11, 0.02), Trial(ZIPF, 12, 0.02), Trial(SHIFTS, 13, -0.05))
HOW = "`score` gets now, inserted, last and uses, and returns a number."


@cache
def of_lru(trial: Trial) -> float:
    """What LRU hits there."""
    return trial.hit_ratio(POLICIES[LRU])


def check_score(score: Score) -> Lab | None:
    """Make: a score that beats LRU where scans pass by, and holds its own elsewhere. Returns the lab with this policy."""
    if not is_function(score, HOW):
        return None
    found = attempt(lambda: [trial.hit_ratio(scored(score)) for trial in TRIALS], HOW)
    if found is None:
        return None
    for trial, hit in zip(TRIALS, found, strict=True):
        usual = of_lru(trial)
        if hit < usual + trial.more:
            told = f"{trial.trace}: your score hits {percent(hit)} of the reads, LRU {percent(usual)}"
            why = (
                "What tells a popular key from one of a scan?" if trial.more > 0 else "Does it forget what was popular?"
            )
            print(f"{OPEN}{told}. {why}")
            break
    else:
        pairs = ", ".join(
            f"{trial.trace} {percent(hit)} (LRU {percent(of_lru(trial))})"
            for trial, hit in zip(TRIALS, found, strict=True)
        )
        print(f"{RIGHT}: {pairs}. The lab runs with your score.")
    return own_lab(score)


def own_lab(score: Score) -> Lab:
    """The lab with the learner's policy among the others."""
    names = (YOURS, *POLICIES)
    lab = what_to_evict.lab()
    return replace(
        lab,
        question="What does your score evict?",
        controls={**lab.controls, "policy": choice(names, menu=True), "trace": choice(runs.TRACES, SCANS, menu=True)},
        charts=what_to_evict.charts(names),
        policy={"score": score},
        prediction=None,
    )


BETTER_POLICIES = {
    "falls by 5%": "Look at what reaches the database: not the hits.",
    "halves": "Right: only misses reach the database. They fall from 10% of the reads to 5%: compare policies by their misses.",
    "hardly changes": "The time of a hit hardly changes. The database sees the misses.",
}


def check_database_load(answer: str | None) -> None:
    """Judge: what a hit ratio of 95% instead of 90% does to the database."""
    judge(answer, BETTER_POLICIES)


HitRatio = Callable[[Sequence[int], int], float]
CASES: dict[str, tuple[list[int], int]] = {
    "20 reads of 4 pages, 10 places": ([0, 1, 2, 3] * 5, 10),
    "a loop of 12 pages, 10 places": (list(range(12)) * 10, 10),
    "popular pages, 50 places": (traces.popular(2_000, 1, np.random.default_rng(5), keys=500).tolist(), 50),
    "each page once, 10 places": (list(range(100)), 10),
}


def honest(reads: Sequence[int], places: int, warm_up: int = 0) -> float:
    """LRU from a cold start; the first `warm_up` reads are not counted."""
    held: OrderedDict[int, None] = OrderedDict()
    found = []
    for key in reads:
        found.append(key in held)
        held[key] = None
        held.move_to_end(key)
        if len(held) > places:
            held.popitem(last=False)
    return float(np.mean(found[warm_up:]))


def check_the_lie(hit_ratio: HitRatio) -> None:
    """Spot the lie: a benchmark that fills the cache with the very reads that it will be asked for, beyond its size."""
    how = "`hit_ratio` gets reads and places, and returns a share from 0 to 1."
    if not is_function(hit_ratio, how):
        return
    answers = attempt(lambda: [hit_ratio(list(reads), places) for reads, places in CASES.values()], how)
    if answers is None:
        return
    # Counted from the first read on, or after a part of the reads has filled the cache: one of them for all cases.
    ways = [[honest(*case, warm_up=len(case[0]) * part // 10) for case in CASES.values()] for part in range(6)]
    if all(is_number(answer) for answer in answers) and any(np.allclose(answers, way, atol=1e-9) for way in ways):
        print(f"{RIGHT}: a page hits only when this cache has read it before, and still has a place for it.")
        return
    wrong = {name: (answer, way) for name, answer, way in zip(CASES, answers, ways[0], strict=True) if answer != way}
    name, (answer, expected) = next(iter(wrong.items()))
    shown = percent(answer) if is_number(answer) else repr(answer)
    print(f"{OPEN}{name}: yours says {shown}; {percent(expected)} of the reads hit. What is in the cache at the start?")
