"""How far does adding workers carry? Throughput against workers on this machine, and a law fitted to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.raising_throughput.scaling_law_model import STEPS, TOO_FEW, WORKERS, fitted, gain, means, predict
from perflab.lab import Axis, Chart, Lab, Prediction, Record, Verdict, choice, count_ticks, duration_ticks
from perflab.lab.controls import slider, values_slider
from perflab.lab.marks import Line, Rule, Whiskers
from perflab.lab.palette import ALARM, CLOCK, MEASURED, MEASURED_POINTS, MODEL, MODEL_LINE, PINNED, PINNED_POINTS
from perflab.lab.settle import nearest, one_run
from perflab.lab.verdict import INVALID, verdict_of
from perflab.measure import Frame, count, duration, percent
from perflab.measure.compare import CLEAR, TOO_CLOSE
from perflab.systems.machine.work import KINDS, LOCKING, MEMORY, Operation, operations, throughput
from perflab.theory.scaling import Fitted

HELD_OUT = (3, 6, 12, 24, 48)
WINDOW_S, SLICE_S = 0.05, 0.3
MAX_PEAK = 2 * STEPS[-1]  # a peak beyond would be a guess, which is not worth a number


def experiment(work: str, workers: int, locked: int, seed: int) -> Iterator[Frame]:
    order = np.random.default_rng(seed)
    todo = operations(work, STEPS[-1], locked / 100)
    while True:
        # A new order in each round, so that a disturbance does not always hit the same number of workers.
        left = order.permutation((workers, *STEPS)).tolist()
        while left:
            yield _some_of(left, todo)


def _some_of(left: list[int], todo: Sequence[Operation]) -> Frame:
    """Throughputs of the next numbers of workers, which are removed from `left`, until a slice is over."""
    found: dict[str, NDArray[np.float64]] = {}
    ends = monotonic() + SLICE_S
    while left and (not found or monotonic() < ends):
        number = left.pop(0)
        found[f"x{number}"] = np.array([throughput(todo[:number], WINDOW_S)])
    return Frame(found, {"calls": len(found)})


def calibrate() -> Iterator[Frame]:
    """Throughput of one worker on this machine, for each kind of work, and of four workers that copy memory."""
    todo = {kind: operations(kind, 4) for kind in KINDS}
    facts = {kind: throughput(todo[kind][:1], 2 * WINDOW_S) for kind in KINDS}
    facts["memory, 4 at once"] = throughput(todo[MEMORY], 2 * WINDOW_S)
    yield Frame(facts=facts)


def points(record: Record, left_out: bool) -> tuple[Any, Any]:
    """Workers and throughput: of the number left out of the fit, or of the others."""
    numbers, middles, _ = means(record)
    chosen = (numbers == record.parameters["workers"]) == left_out
    return numbers[chosen], middles[chosen]


def whiskers(record: Record) -> tuple[Any, Any, Any]:
    numbers, middles, halves = means(record)
    return numbers, np.maximum(middles - halves, LOWEST), middles + halves


def law(record: Record) -> tuple[Any, Any] | None:
    fit = fitted(record)
    return (WORKERS, fit.law.throughput(WORKERS)) if fit else None


def predicted(record: Record) -> tuple[Any, Any] | None:
    """What the law predicts for the number of workers left out of the fit."""
    here, fit = record.parameters["workers"], fitted(record)
    return ((here, here), fit.prediction(here)) if fit else None


def times(record: Record) -> tuple[Any, Any]:
    """Workers, and the time of one operation (ns), of which each worker has one under way (Little's law)."""
    numbers, middles, _ = means(record)
    return numbers, 1e9 * numbers / middles


LOWEST, HIGHEST = 50.0, 50_000.0
NUMBERS = Axis("workers (log)", 0.9, 1.2 * STEPS[-1], log=True, ticks={number: str(number) for number in STEPS})
STAR: dict[str, Any] = {"color": MEASURED, "marker": "*", "linestyle": "none", "markersize": 16}
DOTS: dict[str, Any] = {"linestyle": ":", "linewidth": 2}
CHARTS = (
    Chart(
        "Throughput against workers",
        NUMBERS,
        Axis("operations per second (log)", LOWEST, HIGHEST, log=True, ticks=count_ticks),
        Line("no limit", model=lambda model: (WORKERS, model[0]), color=MODEL, **DOTS),
        Line("model", model=lambda model: (WORKERS, model[1]), **MODEL_LINE),
        Line("fitted law", run=law, color=CLOCK, linestyle="--", linewidth=2.5),
        Line("predicted, 95%", run=predicted, color=ALARM, linewidth=9, alpha=0.6),
        Whiskers(run=whiskers, color=MEASURED, linewidth=2),
        Line("pinned run", pinned=lambda run: means(run)[:2], **PINNED_POINTS),
        Line("measured", run=lambda run: points(run, left_out=False), **MEASURED_POINTS),
        Line("left out of the fit", run=lambda run: points(run, left_out=True), **STAR),
        width=1.3,
        columns=4,
    ),
    Chart(
        "Time of one operation: N / X",
        NUMBERS,
        Axis("time (log)", 1e5, 2e9, log=True, ticks=duration_ticks),
        Line("model", model=lambda model: (WORKERS, 1e9 * WORKERS / model[1]), **MODEL_LINE),
        Rule("x", "left out of the fit", setting=lambda chosen: chosen["workers"], color=PINNED, **DOTS),
        Line("pinned run", pinned=times, **PINNED_POINTS),
        Line("measured", run=times, **MEASURED_POINTS),
        columns=2,
    ),
)


def say(record: Record) -> str | Verdict:
    """The law's constants, its peak, and whether it predicted the number of workers that it had not seen."""
    here, fit = record.parameters["workers"], fitted(record)
    if fit is None:
        return Verdict(TOO_FEW, INVALID)
    (a, b), (c, d), (low, high) = fit.interval("alpha"), fit.interval("beta"), fit.prediction(here)
    numbers, middles, halves = means(record)
    mean, half = (float(column[numbers == here][0]) for column in (middles, halves))
    # Wide intervals overlap easily, so it is said how far apart the middles are.
    apart, agrees = abs(mean / float(fit.law.throughput(here)) - 1), low <= mean + half and mean - half <= high
    return (
        f"α = {fit.law.alpha:.3f} [{a:.3f}–{b:.3f}], β = {fit.law.beta:.5f} [{c:.5f}–{d:.5f}]: {peak_said(fit)}. "
        f"For {count(here)} workers, left out of the fit, the law predicts {count(low)}–{count(high)}/s; measured "
        f"{count(mean)} (±{count(half)}), {percent(apart)} apart: {'predicted' if agrees else 'missed'}."
    )


def peak_said(fit: Fitted) -> str:
    """Where the throughput is highest, as far as the measured numbers of workers can tell."""
    low, high = fit.interval("peak")
    if fit.law.peak > MAX_PEAK:
        return "no peak within twice the measured range"
    if high > MAX_PEAK:
        return f"peak at {count(fit.law.peak)} workers or more, or none"
    if high <= 1:
        return "throughput is highest with one worker"
    return f"peak at {count(fit.law.peak)} workers [{low:.0f}–{high:.0f}]"


def compare(record: Record, pinned: Record) -> tuple[str, str]:
    (best, half), (other, other_half) = ((float(each.max()) for each in means(run)[1:]) for run in (record, pinned))
    said = f"Its highest throughput is {count(best)}/s; that of the pinned run is {count(other)}/s."
    return said, CLEAR if abs(best - other) > np.hypot(half, other_half) else TOO_CLOSE


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    """Each number of workers: throughput with its interval, in times of one worker's, and the time of an operation."""
    rows: list[tuple[str, ...]] = []
    for number, mean, half in zip(*(found := means(record)), strict=True):
        interval = f"{count(mean)} ± {count(half)}" if np.isfinite(half) else count(mean)
        rows.append((count(number), interval, f"{mean / found[1][0]:.2f}×", duration(1e9 * number / mean)))
    return rows and [("workers", "operations/s, 95% interval", "times one worker", "time of an operation"), *rows]


def gain_of_eight(record: Record) -> str | None:
    """Throughput of eight workers in times of one worker's, as one of the choices."""
    found = gain(record, 1, 8)
    return nearest(GAINS, found) if found else None


GAINS = {"8 times": 8.0, "4 times": 4.0, "twice": 2.0, "the same": 1.0}

PREDICTION = Prediction(
    question="During half of each operation a worker holds a lock that all share. How much more do 8 workers do than one?",
    choices={
        "8 times": "That is what work without a lock does.",
        "4 times": "Half of the work runs in parallel; but the other half is not halved: workers queue for the lock.",
        "twice": "One worker at a time holds the lock, for half of an operation: twice is the limit for any number of workers.",
        "the same": "While one worker holds the lock, the others can at least do the part that does not need it.",
    },
    settle=one_run(gain_of_eight, work=LOCKING, locked=50),
    hint="Measure the work called locking, with a locked share of 50%.",
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
            "locked": slider(0, 100, 20, 10, unit="%", label="locked share"),
        },
        charts=CHARTS,
        prediction=PREDICTION,
        verdict=verdict_of(say, compare=compare, needs="x1"),
        table=table,
        budget_s=6.0,
    )
