"""A few numbers side by side, each with its interval, on one logarithmic axis; the model as a band behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.axes import duration_ticks, legend_below
from perflab.lab.palette import MEASURED, MEASURED_POINTS, MODEL, PINNED_POINTS
from perflab.lab.panel import Panel
from perflab.lab.record import Record
from perflab.measure.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


IntervalsOf = Callable[[Any], Mapping[str, Estimate]]


class Intervals(Panel):
    """One row per name. `measured(record)` and `expected(model)` give an `Estimate` for each; missing rows stay empty.

    The numbers are times (ns), unless `xlabel` and `ticks` say otherwise.
    """

    def __init__(
        self,
        names: Sequence[str],
        low_ns: float,
        high_ns: float,
        measured: IntervalsOf,
        expected: IntervalsOf,
        title: str,
        band: str = "model: where 95% of such runs fall",
        xlabel: str = "latency (log)",
        ticks: Callable[[Axis], None] = duration_ticks,
    ) -> None:
        self._names = list(names)
        self._limits = (low_ns, high_ns)
        self._measured, self._expected = measured, expected
        self._title, self._band = title, band
        self._xlabel, self._ticks = xlabel, ticks

    def build(self, axes: Axes) -> Sequence[Artist]:
        rows = np.arange(len(self._names))
        axes.set(title=self._title, xlabel=self._xlabel, xscale="log", xlim=self._limits)
        axes.set_yticks(rows, self._names)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        self._ticks(axes.xaxis)
        nothing = np.full(len(rows), np.nan)
        band: dict[str, Any] = {"color": MODEL, "alpha": 0.4, "linewidth": 12, "solid_capstyle": "butt"}
        # The ends are marked, so that a band narrower than a dot is seen behind it.
        self._bands = [axes.plot([], [], **band, marker="|", markersize=20, markeredgewidth=2)[0] for _ in rows]
        self._whiskers = [axes.plot([], [], color=MEASURED, linewidth=2)[0] for _ in rows]
        self._bands[0].set_label(self._band)
        (self._dots,) = axes.plot(nothing, rows, **MEASURED_POINTS, label="measured, 95% interval")
        (self._pinned,) = axes.plot(nothing, rows, **PINNED_POINTS, label="pinned run")
        legend_below(axes, 2)
        return [*self._bands, *self._whiskers, self._pinned, self._dots]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._place(self._bands, self._expected(model))

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        intervals = {} if record is None or not record.frame.samples else self._measured(record)
        self._place(self._whiskers, intervals)
        self._dots.set_xdata(self._values(intervals))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_xdata(self._values({} if record is None else self._measured(record)))

    def _place(self, lines: list[Any], intervals: Mapping[str, Estimate]) -> None:
        for row, (name, line) in enumerate(zip(self._names, lines, strict=True)):
            interval = intervals.get(name, Estimate(np.nan))
            line.set_data([interval.low, interval.high], [row, row])

    def _values(self, intervals: Mapping[str, Estimate]) -> list[float]:
        return [intervals[name].value if name in intervals else np.nan for name in self._names]
