"""How far does adding workers carry? Throughput against workers on this machine, and a law fitted to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Lab, Prediction, Record, Verdict, choice, slider, values_slider
from perflab.lab.panels.scaling import Measured, Scaling, TimePerOperation
from perflab.measure.frame import Frame
from perflab.measure.student import half_interval
from perflab.measure.units import count, duration, percent
from perflab.systems.machine.work import COMPUTING, KINDS, LOCKING, MEMORY, WAIT_S, Operation, operations, throughput
from perflab.theory.scaling import Fitted, fit_rounds

LADDER = (1, 2, 4, 8, 16, 32, 64)
HELD_OUT = (3, 6, 12, 24, 48)
WINDOW_S, SLICE_S = 0.05, 0.3
FEWEST_ROUNDS = 3
BELIEVED = 2
"""A peak is told up to so many times the most workers that were measured: a guess beyond is not worth a number."""
LOWEST_PER_S, HIGHEST_PER_S = 50.0, 50_000.0
WORKERS = np.unique(np.round(np.logspace(0, np.log10(LADDER[-1]), 40), 3))


def experiment(work: str, workers: int, locked: int, seed: int) -> Iterator[Frame]:
    order = np.random.default_rng(seed)
    todo = operations(work, LADDER[-1], locked / 100)
    while True:
        # In each round another order: what disturbs the machine for a while disturbs no number of workers always.
        left = order.permutation((workers, *LADDER)).tolist()
        while left:
            yield _some_of(left, todo)


def _some_of(left: list[int], todo: Sequence[Operation]) -> Frame:
    """Throughputs of the next numbers of workers, for as long as a slice takes; each is struck off."""
    found: dict[str, NDArray[np.float64]] = {}
    ends = monotonic() + SLICE_S
    while left and (not found or monotonic() < ends):
        number = left.pop(0)
        found[f"x{number}"] = np.array([throughput(todo[:number], WINDOW_S)])
    return Frame(found, {"calls": len(found)})


def calibrate() -> Iterator[Frame]:
    """What one worker does here, of each kind of work, and what several do who copy memory."""
    todo = {kind: operations(kind, 4) for kind in KINDS}
    facts = {kind: throughput(todo[kind][:1], 2 * WINDOW_S) for kind in KINDS}
    facts["memory, 4 at once"] = throughput(todo[MEMORY], 2 * WINDOW_S)
    yield Frame(facts=facts)


@dataclass(frozen=True)
class Expected:
    """Operations per second at `workers`; `linear` is what no limit would give; `here` is where the slider stands."""

    workers: NDArray[np.float64]
    throughput: NDArray[np.float64]
    linear: NDArray[np.float64]
    here: int


def predict(work: str, workers: int, locked: int, constants: Mapping[str, Any]) -> Expected:
    """N/S up to a limit: none for waiting, one at a time for computing (the interpreter's lock), 1/(locked · S) for locking,
    and what several copy at once for memory. Bounds: nothing is lost on the way to them (Denning and Buzen 1978).
    """
    alone = constants[work]
    limit = np.inf
    if work == COMPUTING:
        limit = alone
    elif work == MEMORY:
        limit = max(alone, constants["memory, 4 at once"])
    elif work == LOCKING and locked:
        limit = 100 / locked / WAIT_S
    linear = alone * WORKERS
    return Expected(WORKERS, np.minimum(linear, limit), linear, workers)


def rounds(record: Record, numbers: Sequence[int]) -> NDArray[np.float64]:
    """Operations per second of complete rounds, of shape (rounds, numbers)."""
    columns = [record.column(f"x{number}") for number in numbers]
    whole = min((column.size for column in columns), default=0)
    return np.column_stack([column[:whole] for column in columns]) if whole else np.empty((0, len(numbers)))


def fitted(record: Record) -> Fitted | None:
    """The law fitted to all numbers of workers but that of the slider; None before there are rounds enough."""
    found = rounds(record, LADDER)
    return fit_rounds(LADDER, found, record.seed, draws=100) if found.shape[0] >= FEWEST_ROUNDS else None


def means(record: Record) -> Measured | None:
    """What was measured, without a fit: means with 95% intervals."""
    columns = {number: record.column(f"x{number}") for number in sorted((*LADDER, record.parameters["workers"]))}
    columns = {number: rates for number, rates in columns.items() if rates.size}
    if not columns:
        return None
    middles = np.array([rates.mean() for rates in columns.values()])
    half = np.array([half_interval(rates) for rates in columns.values()])
    return Measured(np.array(list(columns)), middles, half, WORKERS, None, record.parameters["workers"], None)


def measured(record: Record) -> Measured | None:
    """What the chart shows of a run: the means, the fit, and the number that was left out of it."""
    seen, fit = means(record), fitted(record)
    if seen is None or fit is None:
        return seen
    return replace(seen, curve=fit.law.throughput(WORKERS), foretold=fit.prediction(seen.left_out))


def verdict(record: Record, pinned: Record | None) -> Verdict:
    """The law's constants, its peak, and whether it foretold the number of workers that it had not seen."""
    seen, fit = means(record), fitted(record)
    if seen is None or fit is None:
        return Verdict(f"At least {FEWEST_ROUNDS} rounds are needed for a fit.", "invalid")
    here = record.parameters["workers"]
    value, half = (float(column[seen.numbers == here][0]) for column in (seen.means, seen.half))
    low, high = fit.prediction(here)
    law = fit.law
    said = (
        f"α = {law.alpha:.3f} {_ends(fit, 'alpha')}, β = {law.beta:.5f} {_ends(fit, 'beta', 5)}: {peak_said(fit)}. "
        f"For {count(here)} workers, not used in the fit, the law says {count(low)}–{count(high)}/s; "
        f"measured {count(value)} (±{count(half)}), "
    )
    # Wide intervals overlap easily: how far apart their middles are is told too.
    said += f"{percent(abs(value / float(law.throughput(here)) - 1))} apart: "
    agrees = low <= value + half and value - half <= high
    said += "foretold." if agrees else "missed."
    before = None if pinned is None or pinned is record else means(pinned)
    if before is None:
        return Verdict(said)
    other, other_half = (float(column.max()) for column in (before.means, before.half))
    best, best_half = (float(column.max()) for column in (seen.means, seen.half))
    apart = abs(best - other) > np.hypot(best_half, other_half)
    return Verdict(
        f"{said} Its best is {count(best)}/s; that of the pinned run {count(other)}/s.",
        "clear" if apart else "too close to call",
    )


def peak_said(fit: Fitted) -> str:
    """Where the throughput is highest, as far as the measured numbers of workers can tell."""
    believed = BELIEVED * LADDER[-1]
    low, high = fit.interval("peak")
    if fit.law.peak > believed:
        return "no peak within twice the measured range"
    if high > believed:
        return f"peak at {count(fit.law.peak)} workers or more, or none"
    if high <= 1:
        return "one worker does the most"
    return f"peak at {count(fit.law.peak)} workers [{low:.0f}–{high:.0f}]"


def _ends(fit: Fitted, name: str, digits: int = 3) -> str:
    low, high = fit.interval(name)
    return f"[{low:.{digits}f}–{high:.{digits}f}]"


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each number of workers: throughput with its interval, how many times one worker's, and the time of an operation."""
    seen = means(record)
    if seen is None:
        return []
    rows: list[tuple[str, ...]] = [
        ("workers", "operations/s, 95% interval", "times one worker", "time of an operation")
    ]
    for number, mean, half in zip(seen.numbers, seen.means, seen.half, strict=True):
        interval = f"{count(mean)} ± {count(half)}" if np.isfinite(half) else count(mean)
        rows.append((count(number), interval, f"{mean / seen.means[0]:.2f}×", duration(1e9 * number / mean)))
    return rows


def what_eight_do(records: Sequence[Record]) -> str | None:
    """Throughput of eight workers against one, where half of the work is locked."""
    for record in reversed(records):
        chosen = record.parameters
        found = rounds(record, (1, 8))
        if chosen["work"] == LOCKING and chosen["locked"] == 50 and found.shape[0] >= FEWEST_ROUNDS:
            gain = float(np.median(found[:, 1] / found[:, 0]))
            return min(GAINS, key=lambda name: abs(np.log(GAINS[name] / gain)))
    return None


GAINS = {"8 times": 8.0, "4 times": 4.0, "twice": 2.0, "the same": 1.0}

PREDICTION = Prediction(
    question="Half of each operation needs a lock that all share. How much more do 8 workers do than one?",
    choices={
        "8 times": "That is what work without a lock does.",
        "4 times": "Half of the work runs side by side; but the other half is not done half as often, it is queued for.",
        "twice": "One at a time holds the lock, for half of an operation: however many workers, twice is all there is.",
        "the same": "While one holds the lock, the others can at least do the part that needs none.",
    },
    settle=what_eight_do,
    hint="Measure the work called locking, with half of it locked.",
)


def lab() -> Lab:
    return Lab(
        question="How far does adding workers carry?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "work": choice(KINDS, LOCKING),
            "workers": values_slider(HELD_OUT, 24, unit="threads", label="left out of the fit"),
            "locked": slider(0, 100, 20, 10, unit="%", label="share that is locked"),
        },
        charts=(
            Scaling((LOWEST_PER_S, HIGHEST_PER_S), LADDER[-1], measured),
            TimePerOperation(LADDER[-1], means),
        ),
        prediction=PREDICTION,
        verdict=verdict,
        table=table,
        budget_s=6.0,
    )
