"""The plane of this notebook: capacity (requests/s of saturated threads) across, latency of a request alone up.

A run measures one setting and the baseline in rounds, each on both loads. Of each round it brings a number in the columns `PER_S`
and `ALONE`, and the baseline's in those with `BASE` before their names; NaN where a load was too short to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab import Axis, Chart, Record, count_ticks, duration_ticks
from perflab.lab.marks import Label, Line, Mark, Note, Point, Rule, Whiskers, measured
from perflab.lab.palette import INK, MEASURED, MODEL_HERE, PINNED, QUIET
from perflab.lab.rows import strokes
from perflab.lab.verdict import Compare, against_pinned, ratio_text
from perflab.measure import Estimate, Ratio, count, duration, duration_range, paired_ratio, percent
from perflab.measure.compare import CLEAR, EQUAL, TOO_CLOSE
from perflab.measure.percentiles import rank_interval
from perflab.measure.units import DASH, ratio

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

PER_S, ALONE, BASE = "per_s", "alone_p50_ns", "base_"
ROUNDS_NEEDED = 6
"""Below it the middle of rounds has no 95% interval."""


def middle(run: Record, column: str) -> Estimate:
    """Median over rounds with its interval; NaN before the first."""
    return middle_of(run.column(column))


def middle_of(values: Any) -> Estimate:
    """The median of rounds that came to a number, with its interval, two of the rounds themselves."""
    rounds = np.asarray(values, float)
    rounds = np.sort(rounds[np.isfinite(rounds)])
    low, high = rank_interval(rounds.size, 0.5) if rounds.size else (None, None)
    if low is None or high is None:
        few = f"its interval needs {ROUNDS_NEEDED} rounds, have {rounds.size}"
        return Estimate(float(np.median(rounds)) if rounds.size else np.nan, shortage=few)
    return Estimate(float(np.median(rounds)), float(rounds[low - 1]), float(rounds[high - 1]))


def change(run: Record, column: str, of: str = "", base: str = BASE) -> Ratio | None:
    """How many times that of the baseline a column is, by pairs of one round each; None without any."""
    return _by_rounds(run.column(of + column), run.column(base + column))


def beside_pinned(column: str, what: str) -> Compare:
    """A column beside that of the pinned run, by pairs of rounds that were measured in turns."""

    def compare(record: Record, pinned: Record) -> tuple[str, str] | None:
        found = _by_rounds(record.column(column), pinned.column(column))
        return None if found is None else (f"{what} is {against_pinned(found)}.", found.verdict)

    return compare


def _by_rounds(first: Any, second: Any) -> Ratio | None:
    """The last round may lack one of the two."""
    pairs = np.array([*zip(first, second, strict=False)]).reshape(-1, 2)
    told = pairs[np.isfinite(pairs).all(axis=1)]
    return paired_ratio(*told.T) if len(told) else None


def point(run: Record, of: str = "") -> Point:
    """Where a run lies in the plane; with `BASE`, where its baseline does."""
    return middle(run, of + PER_S).value, middle(run, of + ALONE).value


def base_point(run: Record) -> Point:
    """Where the run's baseline lies."""
    return point(run, BASE)


def direction(ratio: Ratio) -> int | None:
    """1 for more than the baseline, -1 for less, 0 for practically as much; None where the run cannot tell."""
    if ratio.verdict == EQUAL:
        return 0
    return (1 if ratio.value > 1 else -1) if ratio.verdict == CLEAR and ratio.has_interval else None


WORTH = {
    (1, 1): "A trade-off: more throughput, paid for with latency.",
    (1, 0): "More throughput, and nothing to pay for it.",
    (1, -1): "Better on both axes.",
    (0, 1): "Only latency is lost.",
    (0, 0): "Nothing changed on either axis.",
    (0, -1): "Only latency is gained.",
    (-1, 1): "Worse on both axes.",
    (-1, 0): "Less throughput, and nothing for it.",
    (-1, -1): "A trade-off: less latency, paid for with throughput.",
}


def worth(run: Record) -> str:
    """What the setting is worth against the baseline: a sentence on capacity and latency, or that the run cannot tell."""
    more, later = (None if ratio is None else direction(ratio) for ratio in (change(run, PER_S), change(run, ALONE)))
    if more is None or later is None:
        return f"What it is worth is {TOO_CLOSE}."
    return WORTH[more, later]


def both_axes(run: Record, setting: str) -> str | None:
    """A headline: how many times the baseline's both numbers are; None where one is too close to call."""
    said = []
    for column in (PER_S, ALONE):
        found = change(run, column)
        if found is None or (way := direction(found)) is None:
            return None
        said.append({1: f"{ratio(found.value)} the", 0: "the same", -1: f"{percent(found.value)} of the"}[way])
    return f"{setting}: {said[0]} requests/s, {said[1]} latency. {worth(run)}"


def times_said(ratio: Ratio | None) -> str:
    """`4.2× (3.9–4.4)`, as much, or that it is too close to call."""
    if ratio is None:
        return DASH
    if direction(ratio) == 0:
        return "practically the same"
    return f"{ratio_text(ratio)}{f', {TOO_CLOSE}' if ratio.has_interval and direction(ratio) is None else ''}"


def latency_text(found: Estimate) -> str:
    """`20.0 ms [19.8–20.2 ms]`; without the interval where there is none."""
    return f"{duration(found.value, 3)}{f' [{duration_range(found.low, found.high, 3)}]' if found.has_interval else ''}"


def capacity_text(found: Estimate) -> str:
    """`4,800/s [4,600–4,900]`; without the interval where there is none."""
    return f"{count(found.value)}/s{f' [{count(found.low)}–{count(found.high)}]' if found.has_interval else ''}"


class Arrow(Mark):
    """From one place to another. Data: both points."""

    def build(self, axes: Axes) -> Sequence[Artist]:
        style = {"arrowstyle": "-|>", "mutation_scale": 20, "shrinkA": 6, "shrinkB": 7, **self._style}
        self._arrow = axes.annotate("", (1, 1), (1, 1), arrowprops=style, annotation_clip=True)
        self._arrow.set_visible(False)
        return [self._arrow]

    def draw(self, data: Any) -> None:
        begin, end = ((np.nan, np.nan),) * 2 if data is None else data
        self._arrow.set_visible(bool(np.isfinite([*begin, *end]).all()) and tuple(begin) != tuple(end))
        if self._arrow.get_visible():
            self._arrow.set_position(begin)
            self._arrow.xy = end


def chart(
    title: str,
    capacity: tuple[float, float],
    latency_ns: tuple[float, float],
    name: Callable[[Record], str],
    baseline: str,
    **style: Any,
) -> Chart:
    """The chart: the model has `here` and `base`, two points; an arrow leads from the measured baseline to the setting, which
    `name` tells. Settings that were measured before stay as small dots.
    """
    base: dict[str, Any] = {"color": INK, "marker": "s", "linestyle": "none", "markersize": 8}
    ring: dict[str, Any] = {**MODEL_HERE, "marker": "s", "markersize": 15}
    corner: dict[str, Any] = {"color": QUIET, "fontsize": 11}
    cross: dict[str, Any] = {"color": PINNED, "linestyle": ":", "linewidth": 1.2}
    stroke: dict[str, Any] = {"color": MEASURED, "linewidth": 2}
    return Chart(
        title,
        Axis("capacity: requests/s while all threads are busy", *capacity, log=True, ticks=count_ticks),
        Axis("latency of a request alone", *latency_ns, log=True, ticks=duration_ticks),
        Rule("x", run=lambda run: base_point(run)[0], **cross),
        Rule("y", run=lambda run: base_point(run)[1], **cross),
        Note(0.98, 0.03, setting=lambda _: "more, and sooner", ha="right", **corner),
        Note(0.02, 0.93, setting=lambda _: "fewer, and later", **corner),
        Arrow(run=lambda run: (base_point(run), point(run)), **stroke),
        Line(run=_across, **stroke),
        Whiskers(run=_upright, **stroke),
        Line("model", model=lambda model: model.here, **MODEL_HERE),
        Line(model=lambda model: model.base, **ring),
        Line(baseline, run=base_point, at="end", side="below", **base),
        *measured(point, among=None, label="measured", earlier="measured before"),
        Label(run=lambda run: (*point(run), name(run)), color=MEASURED),
        columns=4,
        **style,
    )


def _across(run: Record) -> Any:
    found, (_, y) = middle(run, PER_S), point(run)
    return strokes([found.low], [found.high], [y])


def _upright(run: Record) -> Any:
    found, (x, _) = middle(run, ALONE), point(run)
    return [x], [found.low], [found.high]
