"""A duration and the parts it is made of: on a time line, and as shares of the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.axes import legend_below
from perflab.lab.palette import INK, MEASURED, MODEL, PINNED, SEGMENTS
from perflab.lab.panel import Panel
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

AXIS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


@dataclass(frozen=True)
class Breakdown:
    """Parts (ns) in their order, one beginning where the one before has ended.

    `calls` are spans inside one of them: begin within that part, and duration. They may overlap.
    """

    parts: Mapping[str, float]
    calls: Sequence[tuple[float, float]] = ()

    @property
    def total(self) -> float:
        """The whole."""
        return sum(self.parts.values())


BreakdownOf = Callable[[Record], Breakdown]


class TimeLine(Panel):
    """One row per part, from left to right: measured bars, the model as outlines, calls as lines within the part `within`.

    The axis is linear, because lengths are compared; it ends at the round number above the model's whole.
    """

    width = 1.3

    def __init__(self, parts: Sequence[str], measured: BreakdownOf, calls: int, within: str) -> None:
        self._parts, self._measured, self._within = tuple(parts), measured, within
        self._most_calls = calls

    def build(self, axes: Axes) -> Sequence[Artist]:
        rows = range(len(self._parts))
        axes.set(title="Time line of a typical request", xlabel="ms since its beginning", xlim=(0, AXIS_MS[0]))
        axes.set_yticks(rows, self._parts)
        axes.set_ylim(len(self._parts) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        self._axes = axes
        self._bars = [axes.barh(row, 0, 0.6, color=MEASURED)[0] for row in rows]
        outline: dict[str, Any] = {"facecolor": "none", "edgecolor": MODEL, "linewidth": 2}
        self._expected = [axes.barh(row, 0, 0.84, **outline)[0] for row in rows]
        ghost: dict[str, Any] = {"facecolor": "none", "edgecolor": PINNED, "linewidth": 2, "linestyle": ":"}
        self._pinned = [axes.barh(row, 0, 0.36, **ghost)[0] for row in rows]
        self._calls = [axes.plot([], [], color=INK, linewidth=2)[0] for _ in range(self._most_calls)]
        self._bars[0].set_label("measured")
        self._expected[0].set_label("model")
        self._pinned[0].set_label("pinned")
        for line in self._calls[:1]:
            line.set_label(f"one call to the {self._within}")
        legend_below(axes, 4)
        return [*self._bars, *self._expected, *self._pinned, *self._calls]

    def show_model(self, parameters: Mapping[str, Any], model: Breakdown) -> None:
        wanted_ms = 1.1 * model.total / 1e6
        self._axes.set_xlim(0, next((end for end in AXIS_MS if end >= wanted_ms), AXIS_MS[-1]))
        self._place(self._expected, model.parts)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        run = self._of(record)
        self._place(self._bars, run.parts)
        row = self._parts.index(self._within)
        start = sum(run.parts[part] for part in self._parts[:row])
        for number, line in enumerate(self._calls):
            begin, took = run.calls[number] if number < len(run.calls) else (np.nan, np.nan)
            height = row + 0.13 * (number - (self._most_calls - 1) / 2)
            line.set_data([(start + begin) / 1e6, (start + begin + took) / 1e6], [height, height])

    def show_pinned(self, record: Record | None) -> None:
        self._place(self._pinned, self._of(record).parts)

    def _of(self, record: Record | None) -> Breakdown:
        nothing = Breakdown(dict.fromkeys(self._parts, 0.0))
        return nothing if record is None or not record.calls else self._measured(record)

    def _place(self, bars: Sequence[Any], parts: Mapping[str, float]) -> None:
        begin = 0.0
        for bar, part in zip(bars, self._parts, strict=True):
            bar.set_x(begin / 1e6)
            bar.set_width(parts[part] / 1e6)
            begin += parts[part]


class Shares(Panel):
    """The parts as shares of the whole: model, this run and the pinned run, one stacked bar each."""

    ROWS = ("model", "measured", "pinned")

    def __init__(self, parts: Sequence[str], measured: BreakdownOf) -> None:
        self._parts, self._measured = tuple(parts), measured

    def build(self, axes: Axes) -> Sequence[Artist]:
        rows = range(len(self.ROWS))
        axes.set(title="Share of each part", xlabel="share of the whole", xlim=(0, 100))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
        axes.set_yticks(rows, self.ROWS)
        axes.set_ylim(len(self.ROWS) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        styles = SEGMENTS[: len(self._parts)]
        self._rows = [[axes.barh(row, 0, 0.7, edgecolor="white", **style)[0] for style in styles] for row in rows]
        for bar, part in zip(self._rows[0], self._parts, strict=True):
            bar.set_label(part)
        legend_below(axes, 4)
        return [bar for row in self._rows for bar in row]

    def show_model(self, parameters: Mapping[str, Any], model: Breakdown) -> None:
        self._stack(0, model)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        self._stack(1, None if record is None or not record.calls else self._measured(record))

    def show_pinned(self, record: Record | None) -> None:
        self._stack(2, None if record is None else self._measured(record))

    def _stack(self, row: int, run: Breakdown | None) -> None:
        begin = 0.0
        for bar, part in zip(self._rows[row], self._parts, strict=True):
            share = 0.0 if run is None else 100 * run.parts[part] / run.total
            bar.set_x(begin)
            bar.set_width(share)
            begin += share
