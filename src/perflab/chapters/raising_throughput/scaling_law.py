"""How far does adding workers carry? Throughput against workers on this machine, and two laws fitted to it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.chapters.raising_throughput.scaling_law_model import (
    NEAR,
    PUBLISHED,
    SATURATION,
    STEPS,
    TOO_FEW,
    UNIVERSAL,
    WINDOW_S,
    WORKERS,
    YOURS,
    Through,
    calibrate,
    finding,
    fitted,
    gain,
    laws,
    means,
    off_said,
    points,
    predict,
    published_curve,
    rounds,
    scenario,
    top,
    universal_said,
    whiskers,
)
from perflab.lab import Axis, Chart, Lab, Prediction, Record, Verdict, choice, count_ticks, slider, values_slider
from perflab.lab.marks import Line, Mark, Rule, Whiskers
from perflab.lab.palette import ALARM, CLOCK, INK, MEASURED, MEASURED_POINTS, MODEL_LINE, PINNED, PINNED_POINTS
from perflab.lab.prediction import Answer, Outcome
from perflab.lab.verdict import INVALID, against_pinned, ratio_text, verdict_of
from perflab.measure import Frame, count, paired_ratio, percent
from perflab.systems.machine.work import KINDS, REPLICATING, Work, throughput, work_of

HELD_OUT, SLICE_S, ROUNDS = (3, 6, 12, 24, 48), 0.3, 12  # a busy machine takes longer for as many


def experiment(work: str, workers: int, locked: int, seed: int) -> Iterator[Frame]:
    order = np.random.default_rng(seed)
    todo = work_of(work, STEPS[-1], locked / 100)
    for _ in range(ROUNDS):
        # A new order in each round, so that a disturbance does not always hit the same number of workers.
        left = order.permutation((workers, *STEPS)).tolist()
        while left:
            yield _some_of(left, todo)


def _some_of(left: list[int], todo: Work) -> Frame:
    """Throughputs of the next numbers of workers, which are removed from `left`, until a slice is over."""
    found: dict[str, NDArray[np.float64]] = {}
    ends = monotonic() + SLICE_S
    while left and (not found or monotonic() < ends):
        workers = left.pop(0)
        found[f"x{workers}"] = np.array([throughput(todo, workers, WINDOW_S)])
    return Frame(found, {"calls": len(found)})


ENDS = (1_500, 3_000, 6_000, 20_000, 60_000)
SQUARES: dict[str, Any] = {"color": INK, "marker": "s", "linestyle": "none", "markersize": 7}
STAR: dict[str, Any] = {"color": MEASURED, "marker": "*", "linestyle": "none", "markersize": 16}
STYLES: dict[str, dict[str, Any]] = {
    SATURATION: {"color": PINNED, "linestyle": ":", "linewidth": 2.5},
    UNIVERSAL: {"color": CLOCK, "linestyle": "--", "linewidth": 2.5},
    YOURS: {"color": ALARM, "linestyle": "-.", "linewidth": 2.5},
}


def charts(through: Through | None) -> tuple[Chart, Chart]:
    def curve(name: str) -> Mark:
        def of(record: Record) -> tuple[Any, Any] | None:
            law = laws(record, through).get(name)
            return (WORKERS, law.throughput(WORKERS)) if law else None

        return Line(name, run=of, **STYLES[name])

    here = Chart(
        "Measured here: throughput against workers",
        Axis("workers", 0.9, 1.2 * STEPS[-1], log=True, ticks={number: str(number) for number in STEPS}),
        Axis("operations per second", 0, ENDS[0], ends=ENDS, reach=lambda model: 1.3 * model.max(), ticks=count_ticks),
        Rule("x", setting=lambda chosen: chosen["workers"], color=MEASURED, linewidth=1.5, alpha=0.5),
        Line("model", model=lambda model: (WORKERS, model), **MODEL_LINE),
        *map(curve, (SATURATION, UNIVERSAL, *((YOURS,) if through else ()))),
        Whiskers(run=whiskers, color=MEASURED, linewidth=2),
        Line("pinned run", pinned=lambda run: means(run)[:2], **PINNED_POINTS),
        Line("measured", run=lambda run: points(run, left_out=False), **MEASURED_POINTS),
        Line("left out", run=lambda run: points(run, left_out=True), **STAR),
        width=1.3,
    )
    elsewhere = Chart(
        "Published: SPEC SDM91, a server of 1994",
        Axis("simulated users", 0, 1.05 * max(PUBLISHED)),
        Axis("scripts per hour", 0, 2_500, ticks=count_ticks),
        *(Line(name, model=published_curve(name), **STYLES[name]) for name in (SATURATION, UNIVERSAL)),
        Line("published", model=lambda _: (list(PUBLISHED), list(PUBLISHED.values())), **SQUARES),
        columns=2,
    )
    return here, elsewhere


def say(record: Record, through: Through | None = None) -> str | Verdict:
    """How far each law is off at the number of workers that it was not shown, the universal law's constants, and the peak."""
    here, found, best, fit = record.parameters["workers"], laws(record, through), top(record), fitted(record)
    numbers, middles, halves = means(record)
    if best is None or fit is None or here not in numbers:
        return Verdict(TOO_FEW, INVALID)
    mean, half = (float(column[numbers == here][0]) for column in (middles, halves))
    said = f"{count(here)} workers, left out of the fits, did {count(mean)}/s (±{percent(half / mean)}). "
    if half > NEAR * mean:
        said += "That is too uncertain to judge a law by. "
    else:
        said += f"Predictions: {'; '.join(f'{name} {off_said(law, here, mean)}' for name, law in found.items())}. "
    return f"{said}{universal_said(best, fit)}"


def compare(record: Record, pinned: Record) -> tuple[str, str] | None:
    most = [rounds(run, STEPS)[:, -1] for run in (record, pinned)]
    if not (both := min(map(len, most))):
        return None
    compared = paired_ratio(most[0][:both], most[1][:both])
    return f"With {STEPS[-1]} workers, throughput is {against_pinned(compared)}.", compared.verdict


def table(record: Record, pinned: Record | None, through: Through | None = None) -> list[tuple[str, ...]]:
    """Each number of workers: throughput with its interval, in times of one worker's, and what each law says."""
    rows: list[tuple[str, ...]] = []
    found, out = laws(record, through), record.parameters["workers"]
    for workers, mean, half in zip(*(seen := means(record)), strict=True):
        interval = f"{count(mean)} ± {count(half)}" if np.isfinite(half) else count(mean)
        said = (float(law.throughput(workers)) for law in found.values())
        off = (f"{count(rate)} ({round(100 * rate / mean - 100):+d}%)" for rate in said)
        name = f"{count(workers)} (left out)" if workers == out else count(workers)
        rows.append((name, interval, f"{mean / seen[1][0]:.2f}×", *off))
    return rows and [("workers", "operations/s, 95% interval", "times one worker", *found), *rows]


def what_64_do(record: Record) -> Outcome | None:
    """What 64 workers do that write into each other's copies, in times of what 16 do."""
    found = gain(record, 16, 64)
    if found is None or not found.has_interval or any(found.low < edge < found.high for edge in (1 - NEAR, 1 + NEAR)):
        return None
    chosen = "less" if found.value < 1 - NEAR else "a little more" if found.value > 1 + NEAR else "about the same"
    return Outcome(chosen, f"64 workers did {ratio_text(found)} what 16 did")


PREDICTION = Prediction(
    question="16 workers each write their changes into the copies of all others. How much do 64 workers do?",
    choices={
        "4 times as much": Answer("That cannot be: the workers share a lock, and each writes 63 copies."),
        "a little more": Answer(
            "A lock makes each further worker bring less. But here each further worker also costs all others time.",
            "Contention makes each further worker bring less. Writing a copy takes so little here that more workers still pay.",
        ),
        "about the same": Answer(
            "So it is with a lock that is always busy. But here it is also held for longer, the more copies there are.",
            "What further workers bring is used up by the copies that have to be written for them.",
        ),
        "less": Answer(
            "Fewer needs a cost that grows with each pair of workers. Writing a copy costs so little here that it does not show.",
            "16 workers write 16 · 15 copies in a round, 64 workers 64 · 63: seventeen times as many for four times the work.",
        ),
    },
    runs=({"work": REPLICATING},),
    find=what_64_do,
)


def lab(through: Through | None = None) -> Lab:
    """The lab; `through` is a law of the learner's, which is drawn and judged beside the others."""
    return Lab(
        question="How far does adding workers carry?",
        experiment=experiment,
        calibrate=calibrate,
        predict=predict,
        controls={
            "work": choice(KINDS, REPLICATING),
            "workers": values_slider(HELD_OUT, 24, unit="threads", label="left out of the fits"),
            "locked": slider(0, 50, 10, 10, unit="%", label="locked share"),
        },
        charts=charts(through),
        prediction=PREDICTION,
        verdict=verdict_of(partial(say, through=through), compare=compare, needs="x1"),
        table=partial(table, through=through),
        budget_s=9.0,
        finding=finding,
        scenario=scenario,
    )
