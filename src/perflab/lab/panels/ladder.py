"""A ladder of durations: one row per operation on one logarithmic axis, from nanoseconds to seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.axes import duration_ticks, legend_below
from perflab.lab.palette import INK, MEASURED, MEASURED_POINTS, PINNED_POINTS, SECOND
from perflab.lab.panel import Panel
from perflab.lab.record import Record
from perflab.measure.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

HUMAN_NS = {"1 s": 1.0, "1 min": 60.0, "1 h": 3.6e3, "1 day": 8.64e4, "1 month": 2.63e6, "10 years": 3.16e8}


class Ladder(Panel):
    """Rows of name and label. Above, the same axis as if a nanosecond were a second.

    `measured(record)` gives an `Estimate` (ns) for each row that was measured; those that are means (`is_mean(name)`) have
    another marker. The row `floor` is drawn as a line through all others. A model with `quotes_ns` (name to range) is drawn
    as bands behind them.
    """

    width = 1.75

    def __init__(
        self,
        rows: Sequence[tuple[str, str]],
        low_ns: float,
        high_ns: float,
        measured: Callable[[Record], Mapping[str, Estimate]],
        is_mean: Callable[[str], bool],
        floor: str,
    ) -> None:
        self._names = [name for name, _ in rows]
        self._labels = [label for _, label in rows]
        self._limits = (low_ns, high_ns)
        self._measured, self._floor_name = measured, floor
        self._means = np.array([is_mean(name) for name in self._names])

    def build(self, axes: Axes) -> Sequence[Artist]:
        rows = range(len(self._names))
        axes.set(xlabel="time of one operation (log); above: if 1 ns were 1 s", xscale="log", xlim=self._limits)
        axes.set_yticks(rows, self._labels)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0, pad=2)
        duration_ticks(axes.xaxis)
        human = axes.secondary_xaxis("top")
        human.set_xticks(list(HUMAN_NS.values()), list(HUMAN_NS))
        human.tick_params(length=3, pad=1)
        human.minorticks_off()
        band: dict[str, Any] = {"color": SECOND, "alpha": 0.55, "linewidth": 9, "solid_capstyle": "butt"}
        self._quoted = [axes.plot([], [], **band)[0] for _ in rows]
        self._whiskers = [axes.plot([], [], color=MEASURED, linewidth=2)[0] for _ in rows]
        self._floor = axes.axvline(np.nan, color=INK, linestyle="--", linewidth=1.3, label="Python's cost")
        nothing = np.full(len(rows), np.nan)
        (self._singles,) = axes.plot(nothing, rows, **MEASURED_POINTS, label="measured")
        (self._of_many,) = axes.plot(nothing, rows, **{**MEASURED_POINTS, "marker": "s", "markersize": 7})
        (self._pinned,) = axes.plot(nothing, rows, **PINNED_POINTS, label="pinned")
        self._quoted[0].set_label("quoted")
        self._of_many.set_label("mean of several")
        legend_below(axes, 5)
        return [*self._quoted, *self._whiskers, self._floor, self._pinned, self._singles, self._of_many]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        for row, name in enumerate(self._names):
            low, high = model.quotes_ns.get(name, (np.nan, np.nan))
            # A single number is widened until it can be seen.
            self._quoted[row].set_data([low / 1.08, high * 1.08], [row, row])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        intervals = self._of(record)
        values = self._values(intervals)
        self._singles.set_xdata(np.where(self._means, np.nan, values))
        self._of_many.set_xdata(np.where(self._means, values, np.nan))
        for row, name in enumerate(self._names):
            interval = intervals.get(name, Estimate(np.nan))
            self._whiskers[row].set_data([interval.low, interval.high], [row, row])
        floor = intervals.get(self._floor_name, Estimate(np.nan)).value
        self._floor.set_xdata([floor, floor])

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_xdata(self._values(self._of(record)))

    def _of(self, record: Record | None) -> Mapping[str, Estimate]:
        return {} if record is None else self._measured(record)

    def _values(self, intervals: Mapping[str, Estimate]) -> list[float]:
        return [intervals[name].value if name in intervals else np.nan for name in self._names]
