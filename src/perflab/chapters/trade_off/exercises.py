"""Checks of the exercises of notebook 06. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

import copy
import heapq
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from reprlib import repr as in_short
from typing import Any

import numpy as np

from perflab.chapters.judging import OPEN, RIGHT, attempt, is_function, is_run_of, judge
from perflab.chapters.trade_off import batching
from perflab.chapters.trade_off.plane import ALONE, PER_S, change
from perflab.lab import Lab, Record
from perflab.lab.verdict import no_rows, ratio_text
from perflab.measure import count, duration
from perflab.measure.guards import BadInput
from perflab.systems.databases.writing_threads import LOOK_S, WhenToCommit
from perflab.theory.batching import Cost

THREADS, MORE, LATER = 16, 2.0, 1.25


def check_no_price(record: Record | None) -> None:
    """Modify: twice the capacity of single commits at the same latency."""
    if record is None:
        print(f"{OPEN}Run the lab with a setting of your choice and {THREADS} threads, and keep the record in `free`.")
        return
    if not is_run_of(record, "batching", PER_S):
        return
    more, later = change(record, PER_S), change(record, ALONE)
    if record.parameters["threads"] != THREADS:
        print(f"Not yet: `threads` should be {THREADS}.")
    elif more is None or later is None or not (more.has_interval and later.has_interval):
        print("Not yet: this run is too short for an interval. Let it come to its end.")
    elif more.low < MORE:
        print(
            f"{OPEN}The capacity is {ratio_text(more)} that of single commits. How many requests could share a commit?"
        )
    elif later.value > LATER and later.low < 1:
        print(f"Not yet: the latency is {ratio_text(later)} that of single commits, too close to call. Run it again.")
    elif later.value > LATER:
        print(
            f"{OPEN}{ratio_text(more)} the capacity, but {ratio_text(later)} the latency. What does a request alone wait for?"
        )
    else:
        print(f"{RIGHT}: {ratio_text(more)} the capacity, {ratio_text(later)} the latency of single commits.")


COST, BACK_S, SECONDS = Cost(200e-6, 10e-6), 5e-6, 0.1
"""A commit takes 200 µs, and 10 µs for each request; of the threads of a commit one is back every 5 µs."""
CROWDS, MORE_THAN_USUAL = (4, 16), 1.2
LEAVE_S, MAX_LEFT_S = 0.05, 0.01


def served(when: WhenToCommit, threads: int, leave_s: float = np.inf) -> tuple[float, float]:
    """Requests per second, and the longest response or wait (s), of a rule on a virtual clock. All threads but one leave then."""
    coming, waiting = [BACK_S * number for number in range(threads)], deque[float]()
    now, last, times = 0.0, 0, [0.0]
    while now < SECONDS:
        while coming and coming[0] <= now:
            waiting.append(heapq.heappop(coming))
        if waiting and when(len(waiting), now - waiting[0], last):
            last = len(waiting)
            now += float(COST.of(last))
            times += [now - asked for asked in waiting]
            waiting.clear()
            stay = last if now < leave_s else 1 - bool(coming)
            for number in range(stay):
                heapq.heappush(coming, now + BACK_S * (number + 1))
        else:
            now = min([now + LOOK_S] * bool(waiting) + coming[:1])
    return (len(times) - 1) / SECONDS, max(*times, *(now - asked for asked in waiting))


def what_waits(waiting: int, oldest_wait_s: float, last: int) -> bool:
    """The rule to beat."""
    return True


def check_rule(when: WhenToCommit) -> Lab | None:
    """Make: fuller commits than "what waits" under load, no price for a request alone, and no wait for threads that left."""
    how = "`when` is called with waiting, oldest_wait_s and last."
    if not is_function(when, how):
        return None
    found = attempt(lambda: [served(when, 1), *(served(when, each) for each in CROWDS), served(when, 8, LEAVE_S)], how)
    if found is None:
        return None
    (_, alone_s), *crowds, (_, left_s) = found
    rates, usual = [rate for rate, _ in crowds], [served(what_waits, each)[0] for each in CROWDS]
    said = " and ".join(
        f"{count(rate)}/s with {threads} threads (what waits: {count(other)})"
        for rate, threads, other in zip(rates, CROWDS, usual, strict=True)
    )
    if alone_s > 1.1 * float(COST.of(1)):
        single = duration(1e9 * float(COST.of(1)))
        print(f"{OPEN}A request alone takes {duration(1e9 * alone_s)}, a commit {single}. What does it wait for?")
    elif any(rate < MORE_THAN_USUAL * other for rate, other in zip(rates, usual, strict=True)):
        print(f"{OPEN}{said}. Which threads are about to come back when a commit ends?")
    elif left_s > MAX_LEFT_S:
        print(f"{OPEN}{said}. But when 7 of 8 threads leave, the last one waits {duration(1e9 * left_s)} for them.")
    else:
        print(f"{RIGHT}: {said}, and a request alone waits for nothing. The lab runs your rule.")
    return rule_lab(when)


def rule_lab(when: WhenToCommit) -> Lab:
    """The lab on batching with a rule of the learner's in place of size and timer; no model knows what it does."""

    def scenario(chosen: Mapping[str, Any]) -> str:
        return f"Your rule decides when to commit. One client alone, then {chosen['threads']} busy threads."

    usual = batching.lab()
    return replace(
        usual,
        question="What does your rule do to both axes?",
        policy={"when": when, "size": 1_000, "max_wait": 0},
        controls={"threads": usual.controls["threads"]},
        predict=None,
        calibrate=None,
        prediction=None,
        scenario=scenario,
        trust=no_rows,
    )


DESIGNS = {
    "compress everything": "services in the data centre get their replies over 10 Gb/s; compressing made these slower.",
    "compress nothing": "a phone at 20 Mb/s waits 40 ms for 100 kB, and a quarter of that when they are compressed.",
    "compress for slow links": "Right: the break-even of level 1 lies at some hundreds of Mb/s. Phones are far below it, the "
    "data centre is far above.",
    "level 9 for all": "it saves a few percent of the bytes more, and its break-even lies below that of level 1.",
}


def check_design(answer: str | None) -> None:
    """Judge: who gets compressed replies."""
    judge(answer, DESIGNS)


FOCUS = "latency", "throughput"
LOADS = (
    (1, 14.0, 327.0),
    (10, 14.0, 327.0),
    (100, 14.0, 327.0),
    (1, 400.0, 50.0),
    (100, 14.0, 50_000.0),
    (4, 300.0, 4.0),
)
"""Clients of a closed loop, how long a request takes alone (ms), and the capacity (requests/s). The first three are
those of the lab, roughly."""
Focus = Callable[[float, int, float, float], str]


def _focus_of(focus: Focus, clients: int, alone_ms: float, per_s: float) -> str:
    """What the rule says of a closed loop, if that is one of the two."""
    said = focus(max(alone_ms, 1e3 * clients / per_s), clients, alone_ms, per_s)
    if said not in FOCUS:
        raise BadInput(f"It returned {in_short(said)}.")
    return said


def check_focus(focus: Focus) -> None:
    """Judge: what to optimise is told by whether a request works or waits for others."""
    how = (
        'The rule is called with mean_response_ms, clients, alone_ms and per_s, and returns "latency" or "throughput".'
    )
    if not is_function(focus, how):
        return
    said = attempt(lambda: [_focus_of(focus, *load) for load in LOADS], how)
    if said is None:
        return
    for (clients, alone_ms, per_s), found in zip(LOADS, said, strict=True):
        mean_ms = max(alone_ms, 1e3 * clients / per_s)
        if found != FOCUS[mean_ms > alone_ms]:
            many = f"{clients} client{'s' * (clients > 1)} ({alone_ms:g} ms alone, at most {count(per_s)}/s)"
            where = "Does it wait for others?" if mean_ms == alone_ms else "Where does the rest come from?"
            print(f"{OPEN}{many}: a request takes {mean_ms:.0f} ms, and the rule says “{found}”. {where}")
            return
    print(f"{RIGHT}: it tells work from waiting. For 1, 10 and 100 clients it says {', '.join(said[:3])}.")


Rounds = tuple[list[float], list[float]]
"""Capacity (requests/s) and latency (ms) of a setting in each round. All settings were measured in each round, in turns."""


def _rounds(capacity: float, latency_ms: float, seed: int, luck: float = 1.0) -> Rounds:
    """Ten rounds that scatter by 3%; in the first the machine may have been quick."""
    noise = 1 + np.random.default_rng(seed).uniform(-0.03, 0.03, (2, 10))
    noise[:, 0] *= luck, 1 / luck
    return (capacity * noise[0]).round(1).tolist(), (latency_ms * noise[1]).round(3).tolist()


SAMPLE: dict[str, Rounds] = {
    "single commits": _rounds(900, 1.3, 1),
    "what waits": _rounds(3_000, 1.0, 2),
    "2 ms timer": _rounds(2_500, 1.4, 3, luck=1.6),
    "full batches": _rounds(4_000, 20.0, 4),
}
FRONTS: tuple[tuple[dict[str, Rounds], set[str], str], ...] = (
    (SAMPLE, {"what waits", "full batches"}, "In 9 of 10 rounds “what waits” is ahead of “2 ms timer” on both axes."),
    (
        {"A": _rounds(1_000, 1.0, 5), "B": _rounds(1_000, 1.0, 13), "C": _rounds(500, 2.0, 7)},
        {"A", "B"},
        "A and B are one setting, measured twice: which of them is ahead changes from round to round.",
    ),
    ({"A": _rounds(1_000, 1.0, 1), "B": _rounds(2_000, 2.0, 2), "C": _rounds(3_000, 3.0, 3)}, {"A", "B", "C"}, ""),
    ({"A": _rounds(1_000, 1.0, 1), "B": _rounds(2_000, 0.5, 2)}, {"B"}, ""),
)


Front = Callable[[Mapping[str, Rounds]], Collection[str]]


def _names_on(front: Front, runs: Mapping[str, Rounds]) -> set[str]:
    """What `front` returns for a copy, if those are names of settings."""
    found = front(copy.deepcopy(dict(runs)))
    if isinstance(found, str) or not isinstance(found, Collection) or any(name not in [*runs] for name in found):
        raise BadInput(f"It returned {in_short(found)}.")
    return set(found)


def check_front(front: Front) -> None:
    """Spot the lie: a Pareto front of single runs."""
    how = "`front` is called with a dict of name: (capacities, latencies), and returns the names on the front."
    if not is_function(front, how):
        return
    for runs, expected, why in FRONTS:
        found = attempt(lambda runs=runs: _names_on(front, runs), how)  # type: ignore[misc]
        if found is None:
            return
        if found != expected:
            names, right = (", ".join(sorted(each)) or "nothing" for each in (found, expected))
            print(f"{OPEN}On your front: {names}. On the real one: {right}. {why}".rstrip())
            return
    print(f"{RIGHT}: a setting leaves the front only where another is ahead of it on both axes, beyond chance.")
