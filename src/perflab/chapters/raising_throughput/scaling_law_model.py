"""What adding workers should bring: what is known of the work beforehand, and laws fitted to what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.lab.verdict import ratio_text
from perflab.measure import Frame, Ratio, effective_cpus, paired_ratio
from perflab.measure.student import half_interval
from perflab.measure.units import count, number
from perflab.systems.machine.work import (
    COMPUTING,
    LOCKING,
    MEMORY,
    REPLICATING,
    WAIT_S,
    WAITING,
    replicas,
    throughput,
    work_of,
)
from perflab.theory.saturation import fit_saturation
from perflab.theory.scaling import MIN_ROUNDS, Fitted, ScalabilityLaw, fit, fit_rounds

Floats = NDArray[np.float64]
STEPS = (1, 2, 4, 8, 16, 32, 64)
WORKERS = np.unique(np.round(np.logspace(0, np.log10(STEPS[-1]), 40), 3))
WINDOW_S = 0.025
TOO_FEW = f"At least {MIN_ROUNDS} rounds are needed for a fit."
SATURATION, UNIVERSAL, YOURS = "saturation", "universal scalability law", "yours"
SEEN = (1, 8, 64)
"""The numbers of workers through which a law of the learner's goes."""
NEAR = 0.05
"""A law that is off by no more than this has predicted what it was not shown: the two are practically equal."""
FALLS = 0.95
"""A throughput that falls by less than this from its highest has no peak worth a name."""
PUBLISHED = {1: 64.9, 18: 995.9, 36: 1652.4, 72: 1853.2, 108: 1828.9, 144: 1775.0, 216: 1702.2}
"""Scripts per hour that so many simulated users got from a Sun SPARCcenter 2000 in the SPEC SDM91 benchmark of October 1994;
Gunther, "Guerrilla Capacity Planning" (2007).
"""


class Law(Protocol):
    """Throughput as a function of the number of workers."""

    def throughput(self, workers: Any) -> Floats: ...


Through = Callable[[Mapping[int, float]], Law | None]
"""A law of the learner's through three points (workers: throughput)."""


def calibrate() -> Iterator[Frame]:
    """Throughput of one worker on this machine, and of one for each CPU; what it takes to write one copy, and a turn."""
    facts = {kind: _best(kind, 1) for kind in (WAITING, COMPUTING, MEMORY)}
    each_cpu = int(min(STEPS[-1], max(4, effective_cpus())))
    for kind in (COMPUTING, MEMORY):
        facts[f"{kind}, together"] = _best(kind, each_cpu)
    facts["copy_s"], many = min(_copy_s() for _ in range(5)), 16
    round_s = many / _best(REPLICATING, many)
    others_s = max(WAIT_S, 1 / facts[WAITING]) + many * (many - 1) * facts["copy_s"]
    facts["turn_s"] = max(0.0, round_s - others_s) / (many - 1)
    yield Frame(facts=facts)


def _best(kind: str, workers: int) -> float:
    """The highest of three: what else runs while a notebook opens only takes away."""
    return max(throughput(work_of(kind, workers), workers, 2 * WINDOW_S) for _ in range(3))


def _copy_s() -> float:
    """Seconds to write all rows into one of many copies."""
    first, *others = replicas(STEPS[-1])
    began = perf_counter()
    for copy in others:
        copy.update(first)
    return (perf_counter() - began) / len(others)


def predict(work: str, workers: int, locked: int, constants: Mapping[str, Any]) -> Floats:
    """Operations per second at `WORKERS`: N/S, up to the limit that this work has.

    Waiting has none; computing and memory have what all CPUs do together (for computing that of one, where there is a GIL). Where
    a lock is held for a time L it is 1/L. Workers in rounds wait for each other, each for its turn and for all copies to be
    written: the universal scalability law.
    """
    late_s, share = max(0.0, 1 / constants[WAITING] - WAIT_S), locked / 100
    held_s = share * WAIT_S + late_s if locked else 0.0  # every wait ends a little late
    alone_s = WAIT_S + late_s * (1 + (0 < share < 1))
    if work == REPLICATING:
        turn_s, copy_s = held_s + constants["turn_s"], constants["copy_s"]
        return ScalabilityLaw(turn_s / alone_s, copy_s / alone_s, 1 / alone_s).throughput(WORKERS)
    if work == LOCKING:
        return np.minimum(WORKERS / alone_s, 1 / held_s if held_s else np.inf)
    limit = max(constants[work], constants[f"{work}, together"]) if work in (COMPUTING, MEMORY) else np.inf
    return np.minimum(constants[work] * WORKERS, limit)


def rounds(record: Record, numbers: Sequence[int]) -> Floats:
    """Throughputs of complete rounds, of shape (rounds, numbers)."""
    columns = [record.column(f"x{number}") for number in numbers]
    complete = min(column.size for column in columns)
    return np.stack([column[:complete] for column in columns], axis=1)


def gain(record: Record, few: int, many: int) -> Ratio | None:
    """Throughput of `many` workers in times of that of `few`, round by round; None before there are rounds enough."""
    found = rounds(record, (few, many))
    return paired_ratio(found[:, 1], found[:, 0]) if len(found) >= MIN_ROUNDS else None


@lru_cache(maxsize=8)
def fitted(record: Record) -> Fitted | None:
    """The universal law fitted to all numbers of workers but that of the slider; None before there are rounds enough."""
    found = rounds(record, STEPS)
    return fit_rounds(STEPS, found, record.seed, draws=100) if len(found) >= MIN_ROUNDS else None


@lru_cache(maxsize=8)
def laws(record: Record, through: Through | None = None) -> dict[str, Law]:
    """Each law fitted to all numbers of workers but that of the slider; none before there are rounds enough."""
    universal = fitted(record)
    if universal is None:
        return {}
    seen = dict(zip(STEPS, rounds(record, STEPS).mean(axis=0).tolist(), strict=True))
    found: dict[str, Law] = {SATURATION: fit_saturation(list(seen), list(seen.values())), UNIVERSAL: universal.law}
    if through is not None and (yours := through({number: seen[number] for number in SEEN})) is not None:
        found[YOURS] = yours
    return found


@lru_cache(maxsize=1)
def published() -> dict[str, Law]:
    """Both laws fitted to the published points."""
    points = list(PUBLISHED), list(PUBLISHED.values())
    return {SATURATION: fit_saturation(*points), UNIVERSAL: fit(*points)}


def published_curve(name: str) -> Callable[[Any], tuple[Floats, Floats]]:
    """Users and what a law fitted to the published points says of them, whatever the model of this machine."""
    users = np.linspace(1, max(PUBLISHED), 100)
    return lambda _: (users, published()[name].throughput(users))


class Top(NamedTuple):
    """The number of workers with the highest throughput, how high it is, and what is left of it with the most workers."""

    workers: int
    per_s: float
    left: Ratio

    @property
    def falls(self) -> bool:
        """Whether the measured points show a peak."""
        return self.left.high < FALLS


def top(record: Record) -> Top | None:
    """Where the measured throughput is highest; None before there are rounds enough."""
    found = rounds(record, STEPS)
    if len(found) < MIN_ROUNDS:
        return None
    best = int(found.mean(axis=0).argmax())
    return Top(STEPS[best], float(found[:, best].mean()), paired_ratio(found[:, -1], found[:, best]))


def means(record: Record) -> tuple[NDArray[Any], Floats, Floats]:
    """Numbers of workers, the mean throughput of each, and half of its 95% interval."""
    columns = {number: record.column(f"x{number}") for number in sorted({*STEPS, record.parameters["workers"]})}
    measured = {number: rates for number, rates in columns.items() if rates.size}
    middles, halves = ([of(rates) for rates in measured.values()] for of in (np.mean, half_interval))
    return np.array(list(measured)), np.array(middles), np.array(halves)


def points(record: Record, left_out: bool) -> tuple[Any, Any]:
    """Workers and throughput: of the number left out of the fits, or of the others."""
    numbers, middles, _ = means(record)
    chosen = (numbers == record.parameters["workers"]) == left_out
    return numbers[chosen], middles[chosen]


def whiskers(record: Record) -> tuple[Any, Any, Any]:
    """Numbers of workers, and the ends of their 95% intervals."""
    numbers, middles, halves = means(record)
    return numbers, middles - halves, middles + halves


def off_said(law: Law, workers: int, measured: float) -> str:
    """What a law predicts, and how far that is off."""
    predicted = float(law.throughput(workers))
    off = abs(predicted / measured - 1)
    return f"{count(predicted)}/s ({off:.1%} off: {'predicted' if off <= NEAR else 'missed'})"


def universal_said(best: Top, fit: Fitted) -> str:
    """The two constants that bend the universal law, and its peak, but only where the measured points show one."""
    ends = {name: "–".join(map(number, fit.interval(name))) for name in ("alpha", "beta")}
    said = f"α = {number(fit.law.alpha)} [{ends['alpha']}], β = {number(fit.law.beta)} [{ends['beta']}]"
    most = f"{count(best.per_s)}/s with {count(best.workers)} workers"
    if not best.falls:
        return f"Universal law: {said}. No peak was measured: {most} is the most, and it does not clearly fall."
    peak = f"its peak at {count(fit.law.peak)} workers" if np.isfinite(fit.law.peak) else "no peak"
    return f"Universal law: {said}, {peak}. Measured: {most}; with {STEPS[-1]}, {ratio_text(best.left)} of that."


def finding(record: Record, pinned: Record | None) -> str | None:
    """Where throughput is highest, and what the most workers do of it; beside the pinned run, where it was there."""
    best, before = top(record), None if pinned is None else top(pinned)
    if best is None or not np.isfinite(best.per_s):
        return None
    if before is not None:
        return f"Most here: {_most_said(best)}; in the pinned run: {_most_said(before)}."
    if best.falls:
        return (
            f"Throughput is highest with {_workers(best.workers)}; {STEPS[-1]} do {number(best.left.value)} times that."
        )
    times = gain(record, 1, STEPS[-1])
    return None if times is None else f"{STEPS[-1]} workers do {number(times.value)} times as much as one."


def _most_said(best: Top) -> str:
    return f"{count(best.per_s)}/s with {_workers(best.workers)}"


def _workers(workers: int) -> str:
    return f"{workers} worker{'s' * (workers != 1)}"


def scenario(chosen: Mapping[str, Any]) -> str:
    """What a run does."""
    shared = f", {chosen['locked']}% of the wait under a common lock" * (chosen["work"] in (LOCKING, REPLICATING))
    does = {
        WAITING: "waits for 4 ms",
        COMPUTING: "computes",
        LOCKING: "waits for 4 ms",
        MEMORY: "copies 2 MB",
        REPLICATING: "waits for 4 ms and writes a copy for each worker",
    }[chosen["work"]]
    return f"1 to {STEPS[-1]} threads in a new order in each round; each thread {does}{shared}."
