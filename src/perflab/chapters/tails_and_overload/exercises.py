"""Checks of the exercises of notebook 07. A check says what is wrong; an open exercise says what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.judging import OPEN, RIGHT, attempt, is_function, is_run_of, judge, numbers_of
from perflab.chapters.tails_and_overload import fan_out
from perflab.chapters.tails_and_overload import fan_out_model as fan
from perflab.lab import Lab, Record
from perflab.lab.verdict import no_rows
from perflab.measure import count, percent
from perflab.systems.clients.attempts import HedgeAfter, Patience
from perflab.theory.simulate import lindley

SEEDS = range(100, 102)
NO_WORSE = 1.1


def check_tamed(record: Record | None) -> None:
    """Modify: hedges that do no harm where the servers are busy, with one setting changed."""
    if record is None:
        print(
            f"{OPEN}Run the lab with {fan_out.BUSY} workers per server and one more setting of your choice; keep the record "
            "in `tamed`."
        )
        return
    if not is_run_of(record, "fan_out", "plain_latency_ns"):
        return
    chosen = record.parameters
    fixed = {"calls": 10, "workers": fan_out.BUSY}
    wrong = {name: value for name, value in fixed.items() if chosen[name] != value}
    if wrong:
        name, value = next(iter(wrong.items()))
        print(f"Not yet: `{name}` should be {value}; change what the hedges do.")
        return
    client = fan.patience(chosen["hedge"], chosen["hedges"])
    plain, (hedged, copies) = plain_share(chosen["calls"], fan_out.BUSY), pooled(chosen["calls"], fan_out.BUSY, client)
    told = f"in simulated runs {percent(plain)} of the pages are slow without hedges, and {percent(hedged)} with"
    if hedged > NO_WORSE * plain:
        print(f"Not yet: {told}; {percent(copies)} of the calls were sent twice. Which setting limits that?")
    else:
        yours = fan.slow_text(record, fan_out.HEDGED) or "no"
        print(f"{RIGHT}: {told}, at {percent(copies)} more calls. In your run {yours} pages were slow with hedges.")


def pooled(calls: int, workers: int, client: Patience) -> tuple[float, float]:
    """Share of slow pages, and copies per call, in a few simulated runs with this client."""
    runs = [fan.simulated_pages(fan.calls_of(calls, seed), calls, workers, client) for seed in SEEDS]
    return float(np.concatenate([pages.slow for pages, _ in runs]).mean()), float(
        np.mean([copies for _, copies in runs])
    )


@cache
def plain_share(calls: int, workers: int) -> float:
    """Share of slow pages without hedges."""
    return pooled(calls, workers, Patience())[0]


class Situation(NamedTuple):
    """Calls of a page, workers per server, and whether late calls are bad luck there; else they wait in a queue."""

    calls: int
    workers: int
    is_luck: bool

    @property
    def name(self) -> str:
        """What is said of it."""
        return f"{self.calls} calls, {self.workers} workers per server"


SITUATIONS = (
    Situation(10, fan_out.IDLE, True),
    Situation(20, 16, True),
    Situation(10, fan_out.BUSY, False),
)
LEFT, MAX_COPIES = 0.25, 0.12
"""Of unlucky pages at most this share may stay slow; of calls in a queue at most this share may be sent twice."""
HOW = "`hedge_after` gets the latest response times (s, newest last), and returns seconds or None."


def check_hedge(hedge_after: HedgeAfter) -> Lab | None:
    """Make: a rule that hedges against bad luck, and leaves a queue alone. Returns the lab with this rule."""
    if not is_function(hedge_after, HOW):
        return None
    client = Patience(hedge_after=hedge_after)
    found = attempt(lambda: [pooled(each.calls, each.workers, client) for each in SITUATIONS], HOW)
    if found is None:
        return None
    for situation, (hedged, copies) in zip(SITUATIONS, found, strict=True):
        plain = plain_share(situation.calls, situation.workers)
        told = f"{situation.name}: {percent(hedged)} of pages are slow, {percent(plain)} without hedges"
        told += f"; copies of {percent(copies)} of the calls"
        if situation.is_luck and hedged > LEFT * plain:
            print(f"{OPEN}{told}. Here late calls are bad luck: a copy would be quick. Is it sent early enough?")
            break
        if not situation.is_luck and copies > MAX_COPIES:
            print(f"{OPEN}{told}. They wait in a queue. How do the latest times tell?")
            break
    else:
        print(f"{RIGHT}: against bad luck it helps, and in a queue it sends hardly any copies. The lab uses your rule.")
    question = f"What does your rule do, with {fan_out.IDLE} workers per server and with {fan_out.BUSY}?"
    # The model's rows follow the lab's own rule.
    return replace(
        fan_out.lab(),
        question=question,
        policy={"hedge_after": hedge_after},
        prediction=None,
        scenario=None,
        trust=no_rows,
    )


SERVICE_LEVELS = {
    "met": "68 ms is an average of percentiles, and not a percentile. On the tenth shard at least 1 request in 100 "
    "takes 500 ms or more.",
    "missed": "At least 1% of the requests to the tenth shard take 500 ms or more: that is 0.1% of all. What else do you know?",
    "cannot be told": "Right: between 0.1% and 11% of all requests take over 100 ms. On the tenth shard nearly all may, or "
    "hardly more than 1 in 100; on the others up to 1 in 100. Add up counts of slow requests, or merge histograms.",
}


def check_service_level(answer: str | None) -> None:
    """Judge: the p99s of ten shards, averaged."""
    judge(answer, SERVICE_LEVELS)


OUTAGES = {
    "pauses": "they delay the retries, and do not make them fewer. How often is each request sent while all attempts time out?",
    "servers": "then the load is 32%. While all attempts time out, each request is sent 4 times: 128% is offered.",
    "shorter time-out": "then attempts time out in a shorter queue already, and each request is sent 4 times as before.",
    "budget": "Right: it offers at most 40% × 1.1 = 44% of the capacity; the queue shrinks after the stall. Three retries "
    "offer 40% × 4 = 160% while attempts time out, so they go on timing out: the outage keeps itself up.",
}


def check_outage(answer: str | None) -> None:
    """Judge: retries were added, and outages became longer."""
    judge(answer, OUTAGES)


LoadTest = Callable[[Sequence[float], float, int], Sequence[float]]
TESTS: dict[str, tuple[list[float], float, int]] = {
    "10 requests per second, 50 ms each": ([number / 10 for number in range(20)], 0.05, 4),
    "40 requests per second, 50 ms each": ([number / 40 for number in range(80)], 0.05, 4),
    "12 requests at once": ([0.5] * 12, 0.02, 10),
    "a burst after a pause": ([0.0, 1.0, *(1.2 + number / 1e3 for number in range(30))], 0.01, 2),
}
"""When requests are due (s), how long each is served (s), and connections of the tester."""


def _responses(load_test: LoadTest, due: Sequence[float], service_s: float, connections: int) -> NDArray[np.float64]:
    """What a load test returns, as numbers."""
    return np.array(numbers_of(load_test(list(due), service_s, connections), len(due)))


def check_the_lie(load_test: LoadTest) -> None:
    """Spot the lie: a load test that leaves out requests while all its connections are in use."""
    how = "`load_test` gets due, service_s and connections, and returns response times (s)."
    if not is_function(load_test, how):
        return
    wrong = []
    for name, (due, service_s, connections) in TESTS.items():
        found = attempt(partial(_responses, load_test, due, service_s, connections), how)
        if found is None:
            return
        expected = lindley(due, [service_s] * len(due)) + service_s
        if found.size != expected.size:
            wrong.append(f"{name}: {count(len(due))} requests were due, and {count(found.size)} have a response time.")
        elif not np.allclose(np.sort(found), np.sort(expected), rtol=1e-6, atol=1e-9):
            longest = f"the longest response takes {expected.max():.3g} s from when it was due"
            wrong.append(f"{name}: {longest}; yours says {found.max():.3g} s.")
    if wrong:
        print(f"{OPEN}Still wrong in {len(wrong)} of {len(TESTS)} tests. The first, {wrong[0]}")
    else:
        print(f"{RIGHT}: every request counts, from the moment in which it was due. Now overload looks like overload.")
