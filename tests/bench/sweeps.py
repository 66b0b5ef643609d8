"""Model beside measurement over the whole range of every control: five points each, the others at their starts, three times.

It takes more than an hour, so it runs only when it is named: `make bench ONLY=sweeps`; for some labs
`SWEEP=query,ladder make bench ONLY=sweeps`. Runs are as long as a learner's, because many models are of just such a run; only
what would take longer than `LONGEST_S` is cut short. What is compared is what a learner sees: in each chart the points that were
measured, and the model's curve at the same place, or its band in the same row. Labs that show no such pair have no row.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

import corpus
import numpy as np

from perflab.lab import Lab, Record
from perflab.lab.axes import percent_ticks
from perflab.lab.controls import Control
from perflab.lab.marks import Here, Line, Mark
from perflab.lab.palette import MODEL
from perflab.lab.rows import Spans
from perflab.lab.verdict import INVALID

ON_REQUEST = True
POINTS, TIMES, LONGEST_S, SHORT_S = 5, 3, 6.0, 1.0
ENDS = ("Hit ratio so far",)
PLANES = ("One setting, two loads", "Your setting and two presets, two loads", "What freshness costs")
"""Charts whose both axes are measured: what lies across is compared too."""
DISTRIBUTIONS = ("Lost at each kill",)
"""Charts of a share against a number: their medians are compared."""
WORDS = ("mean", "p50", "p95", "p99")
BAND, SHARES = 0.2, 0.05
"""How far a measured point may be from the model, as a share of it; and what is a share itself, how far in any case."""


class Found(NamedTuple):
    """A measured point over the model at the same place, of one setting."""

    setting: str
    chart: str
    ratio: float

    @property
    def is_inside(self) -> bool:
        """Within the band, to either side."""
        return 1 - BAND <= self.ratio <= 1 / (1 - BAND)


def rows() -> Iterator[tuple[str, str, str]]:
    """One row for each lab whose charts show measured points beside a model."""
    wanted = [part for part in os.environ.get("SWEEP", "").split(",") if part]
    for name, make in corpus.LABS.items():
        if not wanted or name.rpartition(".")[2] in wanted:
            lab = make()
            if any(compared(chart) for chart in lab.charts):
                yield (f"{name}: measured points within {BAND:.0%} of the model", "most", told(*sweep(lab)))


def sweep(lab: Lab) -> tuple[list[Found], int]:
    """All points of all settings, and how many runs could not be judged (saturated, too few samples)."""
    found: list[Found] = []
    invalid, seconds = 0, lab.budget_s if lab.budget_s <= LONGEST_S else SHORT_S
    for seed in range(1, TIMES + 1):
        known = corpus.constants_of(lab)  # anew, as for a learner: drives and CPUs change their pace
        for setting, parameters in settings(lab):
            measured = corpus.measure_slices(lab, seconds, fewest=2, seed=seed, **parameters)
            record = replace(corpus.record_of(lab, parameters, measured), seed=seed)
            if lab.verdict_of(record, None).kind == INVALID:
                invalid += 1
                continue
            model = lab.model(record.parameters, known)
            found += [Found(setting, title, ratio) for title, ratio in beside(lab, record, model)]
    return found, invalid


def settings(lab: Lab) -> list[tuple[str, dict[str, Any]]]:
    """Each control from end to end with the others at their starts; the starts themselves once."""
    found: dict[str, dict[str, Any]] = {"start": {}}
    for name, control in lab.controls.items():
        for value in spread(control):
            if value != control.start:
                found[f"{name} {value:g}" if isinstance(value, int | float) else f"{name} {value}"] = {name: value}
    return list(found.items())


def spread(control: Control) -> list[Any]:
    """Five values of a control, or all where there are fewer, with both ends."""
    values = list(control.values)
    at = np.linspace(0, len(values) - 1, min(POINTS, len(values))).round().astype(int)
    return [values[i] for i in dict.fromkeys(at.tolist())]


def compared(chart: Any) -> tuple[Mark, Mark] | None:
    """The marks of a chart that show the model and the measured point in the same unit, if it has both."""
    marks = getattr(chart, "_marks", ())
    models = [mark for mark in marks if mark._model and not isinstance(mark, Here) and MODEL in mark._style.values()]
    models = [mark for mark in models if "capacity" not in name_of(mark)]  # a bound, no expectation
    # What shows the pinned run makes the same of every run.
    points = [mark for mark in marks if mark._pinned and isinstance(mark, Line | Spans) and is_point(mark, chart)]
    same = [model for model in models if isinstance(model, Spans) == any(isinstance(point, Spans) for point in points)]
    if not same or not points:
        return None
    asked = [word for word in WORDS if word in name_of(points[0])]

    def fits(mark: Mark) -> tuple[bool, bool, bool]:
        """A mean is compared with a mean. Where such a run is simulated, it is with that, and not with a long run beside it."""
        name = name_of(mark)
        return not any(word in name for word in asked), "this run" not in name, "long run" in name

    return min(same, key=fits), points[0]


def name_of(mark: Mark) -> str:
    """What the legend says."""
    return str(mark._style.get("label", ""))


def is_point(mark: Mark, chart: Any) -> bool:
    """Whether it shows places with a number each; of a curve its end, where that says what the run came to."""
    return isinstance(mark, Spans) or mark._style.get("marker", "none") != "none" or chart.title in ENDS


def beside(lab: Lab, record: Record, model: Any) -> Iterator[tuple[str, float]]:
    """Of each chart: measured over model, at each measured place that the model reaches."""
    for chart in lab.charts:
        marks = compared(chart)
        if marks is None:
            continue
        shown: Any = chart
        curve, points = marks[0]._model(model), marks[1]._pinned(record)  # type: ignore[misc]
        if curve is None or points is None:
            continue
        if isinstance(marks[1], Spans):
            yield shown.title, float(np.nanmax(points[1]) / np.nanmax(curve[1]))
            continue
        if shown.title in DISTRIBUTIONS:
            ends = [
                float(np.interp(0.5, *(np.asarray(part, float) for part in each[::-1]))) for each in (points, curve)
            ]
            if ends[1] > 0:
                yield f"{shown.title}, median", ends[0] / ends[1]
            continue
        pairs = list(zip(*(np.atleast_1d(np.asarray(part, float)) for part in points), strict=True))
        if shown.title in PLANES:
            yield f"{shown.title}, across", float(pairs[0][0] / np.atleast_1d(curve[0])[0])
        for x, y in pairs[-1:] if shown.title in ENDS else pairs:
            value, expected = in_row(x, y, curve) if shown._y.low > shown._y.high else (y, at(x, curve, shown))
            if shown._y.ticks is percent_ticks:
                expected = float(np.clip(value, expected - SHARES, expected + SHARES))
            if np.isfinite([expected, value]).all() and expected > 0:
                yield shown.title, float(value / expected)


def in_row(value: float, row: float, curve: Any) -> tuple[float, float]:
    """A value and what the model expects in its row: itself where that is a band around it, or the nearest end."""
    xs, rows = (np.atleast_1d(np.asarray(part, float)) for part in curve)
    expected = xs[(rows == row) & np.isfinite(xs)]
    return value, float(np.clip(value, expected.min(), expected.max())) if expected.size else np.nan


def at(x: float, curve: Any, chart: Any) -> float:
    """The model at x: between its points on the axes as they are drawn, or its only point."""
    xs, ys = (np.atleast_1d(np.asarray(part, float)) for part in curve)
    known = np.isfinite(xs) & np.isfinite(ys)
    if known.sum() < 2:
        return float(ys[known][0]) if known.any() else np.nan
    xs, ys = xs[known], ys[known]
    if not xs.min() <= x <= xs.max():
        return np.nan
    order = np.argsort(xs, kind="stable")
    scales = [np.log if axis.log else np.asarray for axis in (chart._x, chart._y)]
    value = np.interp(scales[0](x), scales[0](xs[order]), scales[1](ys[order]))
    return float(np.exp(value) if chart._y.log else value)


def told(found: list[Found], invalid: int) -> str:
    """The share inside the band, the settings outside of it most of the time, and what was not judged."""
    inside = sum(each.is_inside for each in found)
    share = f"{inside} of {len(found)} ({inside / len(found):.0%})" if found else "none"
    points = Counter((each.setting, each.chart) for each in found)
    outside = Counter((each.setting, each.chart) for each in found if not each.is_inside)
    often = [place for place, times in outside.most_common() if times * 2 > points[place]]
    where = [f"{setting}, “{chart}”: ×{_median(found, setting, chart):.2f}" for setting, chart in often]
    told_of = f"; outside: {'; '.join(where)}" if where else ""
    return f"{share}{told_of}" + (f"; {invalid} runs not judged" if invalid else "")


def _median(found: list[Found], setting: str, chart: str) -> float:
    return median(each.ratio for each in found if (each.setting, each.chart) == (setting, chart))
