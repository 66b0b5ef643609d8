"""Pages of several calls to two servers, with and without hedges: formulas for calls that never queue, and the run simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure import count, duration
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.systems.clients.attempts import MAX_TOKENS, Attempts, HedgeAfter, Patience, never
from perflab.systems.clients.virtual_servers import play
from perflab.systems.servers.waiting_line import LineRules
from perflab.theory.fan_out import hedged, kinds_tail, slow_pages
from perflab.theory.hedged_calls import Hedges, answered

PART_S, REST_S = 1.7, 0.3
"""For so long pages are due, with and without hedges; and then their calls may still be answered."""
CALLS_PER_S, SERVERS, SHARE = 600, 2, 0.05
USUAL_MS, UNLUCKY_MS, UNLUCKY = 8.0, 200.0, 0.01
LIMIT_MS = 100.0
"""A page that takes longer is slow."""
ALL, CANCELLED, SAVED = "all late calls", "all, loser cancelled", "at most 5% of calls"
TOGETHER = "all, copies as slow"  # as their calls: the cause is in the data, or in what both servers use
HEDGES = (ALL, CANCELLED, SAVED, TOGETHER)
SEEDS = (22, 34)
"""Two runs whose pages come nearest to those of 40, over all numbers of calls and workers: within 0.1 of the shares."""
CALLS = ("arrived_s", "number", "completed_s")
NUMBERS = np.arange(1, 51)
Floats = NDArray[np.float64]


class Calls(NamedTuple):
    """When each call is due (ns), and how long its first and its second copy would be served (µs): shapes (n,) and (2, n)."""

    due_ns: NDArray[np.int64]
    services_us: NDArray[np.int64]


def calls_of(calls: int, seed: int, hedges: str = ALL) -> Calls:
    """Pages at random moments, of so many calls at once; 1 call in 100 is unlucky, and so is 1 copy in 100, or just its copy."""
    pages = round(CALLS_PER_S * PART_S / calls)
    due_ns = np.repeat(np.sort(np.random.default_rng((seed, 1)).integers(round(1e9 * PART_S), size=pages)), calls)
    unlucky = np.random.default_rng((seed, 2)).random((2, due_ns.size)) < UNLUCKY
    unlucky[1] = unlucky[0] if hedges == TOGETHER else unlucky[1]
    return Calls(due_ns, np.where(unlucky, 1e3 * UNLUCKY_MS, 1e3 * USUAL_MS).astype(np.int64))


def utilisation(workers: int) -> float:
    """Share of the workers' time that first copies need."""
    return CALLS_PER_S * ((1 - UNLUCKY) * USUAL_MS + UNLUCKY * UNLUCKY_MS) / 1e3 / (SERVERS * workers)


@dataclass(frozen=True)
class After:
    """The rule of a fixed delay."""

    delay_ms: float

    def __call__(self, recent: Sequence[float]) -> float:
        return self.delay_ms / 1e3


def patience(hedge: float, hedges: str, hedge_after: HedgeAfter | None = None) -> Patience:
    """A client that sends a copy `hedge` ms after a call without an answer, or when its own rule says so."""
    rule = hedge_after or After(hedge)
    return Patience(hedge_after=rule, cancels=hedges == CANCELLED, saves=hedges == SAVED, share=SHARE)


class Pages(NamedTuple):
    """When each page was due (s), how long it took (ns), and whether a call of it was never answered; of shape (pages,)."""

    due_s: Floats
    took_ns: Floats
    unanswered: NDArray[np.bool_]

    @property
    def slow(self) -> NDArray[np.bool_]:
        """Which took longer than the limit."""
        return self.took_ns > 1e6 * LIMIT_MS


def pages_of(due_s: Floats, done_s: Floats, calls: int, elapsed_s: float) -> Pages:
    """A page is there when the last of its calls is. A call without an answer (`done_s` is not finite) counts as what it
    has waited; a page that has not waited for `REST_S` yet is left out.
    """
    open_: Any = ~np.isfinite(done_s)
    took_s = np.where(open_, elapsed_s - due_s, done_s - due_s).reshape(-1, calls).max(axis=1)
    unanswered = open_.reshape(-1, calls).any(axis=1)
    told = ~unanswered | (took_s >= REST_S - 1e-9)
    return Pages(due_s[::calls][told], 1e9 * took_s[told], unanswered[told])


def pages_in(frame: Frame, part: str, calls: int) -> Pages:
    """The pages of a part of a run, whose columns and facts begin with `part`."""
    due_s, number, completed_s = (np.asarray(frame.samples.get(f"{part}{name}", ())) for name in CALLS)
    done_s = np.full(due_s.size, np.nan)
    done_s[number.astype(int)] = completed_s
    return pages_of(due_s, done_s, calls, float(frame.facts.get(f"{part}elapsed_s", 0.0)))


def measured_pages(record: Record, part: str) -> Pages:
    """The pages of a part of a run."""
    return pages_in(record.frame, part, record.parameters["calls"])


def simulated(work: Calls, workers: int, client: Patience) -> Frame:
    """A part with this client, in which nothing takes time but the services."""
    (first_us, again_us), attempts = work.services_us, Attempts(work.due_ns, client, SERVERS)
    seconds, rules = PART_S + REST_S, LineRules(workers)
    return play(attempts, work.due_ns, first_us, rules, seconds, servers=SERVERS, again_us=again_us)


def simulated_pages(work: Calls, calls: int, workers: int, client: Patience) -> tuple[Pages, float]:
    """The pages of a simulated part, and its copies per call; as `simulated`, but quicker where no learner's rule decides."""
    rule, calls_due = client.hedge_after, max(1, work.due_ns.size)
    if not (rule is never or isinstance(rule, After)):
        frame = simulated(work, workers, client)
        return pages_in(frame, "", calls), frame.samples["hedged_s"].size / calls_due
    after_ns = round(1e6 * rule.delay_ms) if isinstance(rule, After) else np.inf
    hedges = Hedges(after_ns, client.cancels, client.share if client.saves else None, MAX_TOKENS)
    services_ns, until_s = (1_000 * work.services_us).tolist(), PART_S + REST_S
    found = answered(work.due_ns.tolist(), services_ns, workers, hedges, round(1e9 * until_s))
    return pages_of(work.due_ns / 1e9, np.array(found.done) / 1e9, calls, until_s), found.copies / calls_due


@dataclass(frozen=True)
class Expected:
    """Shares of slow pages at `NUMBERS` of calls that never queue, `plain` and `hedged`; and of a few simulated runs at this
    setting: `calls` of a page, its shares of slow pages (without and with hedges), p95 (ns), and copies per call.
    """

    plain: Floats
    hedged: Floats
    calls: int
    slow: Floats
    p95_ns: Floats
    extra: float


def predict(calls: int, workers: int, hedge: int, hedges: str, hedge_after: HedgeAfter | None = None) -> Expected:
    """1 − (1 − p)ⁿ, with P(T > t) · P(T > t − d) for hedged calls; and the servers with their queues."""
    tail, limit = kinds_tail((USUAL_MS, UNLUCKY_MS), (1 - UNLUCKY, UNLUCKY)), np.array(LIMIT_MS)
    again = tail if hedges == TOGETHER else hedged(tail, hedge)
    plain, with_hedges = (slow_pages(each(limit), NUMBERS) for each in (tail, again))
    if hedge_after is not None:
        with_hedges = np.full(NUMBERS.size, np.nan)  # no formula knows that rule
    clients = (Patience(),), (patience(hedge, hedges, hedge_after), hedges)
    slow, p95_ns, extra = np.transpose([typical(calls, workers, *each) for each in clients])
    return Expected(plain, with_hedges, calls, slow, p95_ns, float(extra[1]))


@lru_cache(maxsize=128)
def typical(calls: int, workers: int, client: Patience, hedges: str = ALL) -> tuple[float, float, float]:
    """Share of slow pages and p95 (ns), and copies per call, of the pages of a few runs with this client."""
    found = [simulated_pages(calls_of(calls, seed, hedges), calls, workers, client) for seed in SEEDS]
    took_ns = np.concatenate([pages.took_ns for pages, _ in found])
    return (
        float(np.mean(took_ns > 1e6 * LIMIT_MS)),
        percentile(took_ns, 0.95),
        float(np.mean([extra for _, extra in found])),
    )


def slow_share(part: str) -> Callable[[Record], tuple[float, float]]:
    """Where a run lies: calls of a page, and its share of slow pages in a part."""

    def of(record: Record) -> tuple[float, float]:
        slow = measured_pages(record, part).slow
        return record.parameters["calls"], float(slow.mean()) if slow.size else np.nan

    return of


def page_dots(part: str) -> Callable[[Record], tuple[Floats, Floats]]:
    """Each page of a part: when it was due (s), and how long it took (ns)."""
    return lambda record: measured_pages(record, part)[:2]


def slow_text(record: Record, part: str) -> str:
    """How many pages were slow, of how many; empty before there were any."""
    slow = measured_pages(record, part).slow
    return f"{count(slow.sum())} of {count(slow.size)}" if slow.size else ""


def p95_text(record: Record, part: str) -> str:
    """The p95 of pages; what it is at least, where that page was never answered."""
    return _percentile_text(measured_pages(record, part), 0.95)


def p99_text(record: Record, part: str) -> str:
    """The p99 of single calls, and how many were slow: where about 1 in 100 is, chance decides whether the p99 is one of them."""
    calls = pages_in(record.frame, part, 1)
    return f"{_percentile_text(calls, 0.99)}; {count(calls.slow.sum())} over {LIMIT_MS:g} ms" if calls.slow.size else ""


def _percentile_text(pages: Pages, share: float) -> str:
    if not pages.slow.size:
        return ""
    told = percentile(pages.took_ns, share)
    return f"{'over ' if told >= pages.took_ns[pages.unanswered].min(initial=np.inf) else ''}{duration(told)}"


def expected(record: Record, name: str, text: Callable[[float], str]) -> str:
    """What the model says, without and with hedges."""
    return "; ".join(map(text, getattr(predict(**record.parameters), name)))


def p95_replayed(record: Record) -> str:
    """The p95 of the pages of this very run, simulated: without and with hedges."""
    return "; ".join(duration(percentile(pages.took_ns, 0.95)) for pages in replayed(record))


def slow_replayed(record: Record) -> tuple[list[float], list[float]]:
    """Where this very run would lie if nothing took time but the services: without and with hedges."""
    pages = replayed(record)
    return [record.parameters["calls"]] * len(pages), [float(each.slow.mean()) for each in pages]


def replayed(record: Record) -> list[Pages]:
    """The pages of this very run, simulated: without and with hedges; none where a rule decided that the record does not have."""
    chosen, is_known = record.parameters, not record.fact("own_rule", 0.0)
    clients = (Patience(), patience(chosen["hedge"], chosen["hedges"])) if is_known else ()
    return [_replayed(chosen["calls"], chosen["workers"], each, record.seed, chosen["hedges"]) for each in clients]


@lru_cache(maxsize=32)
def _replayed(calls: int, workers: int, client: Patience, seed: int, hedges: str) -> Pages:
    return simulated_pages(calls_of(calls, seed, hedges), calls, workers, client)[0]


def copies(record: Record) -> float:
    """Second copies per call."""
    return record.column("hedged_s").size / max(1, record.column("arrived_s").size)


def helped(record: Record) -> int:
    """1 where fewer of the same pages were slow with hedges, -1 where more were; 0 where that may be chance (sign test)."""
    plain, hedged = (measured_pages(record, part) for part in ("plain_", ""))
    _, first, second = np.intersect1d(plain.due_s, hedged.due_s, return_indices=True)
    before, after = plain.slow[first], hedged.slow[second]
    better, worse = int(np.sum(before & ~after)), int(np.sum(after & ~before))
    return int(np.sign(better - worse)) if abs(better - worse) > 2 * np.sqrt(better + worse) else 0
