"""Latency against one parameter, on log axes: the model as a line, one point per setting that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.axes import count_ticks, duration_ticks, legend_below
from perflab.lab.palette import ALARM, MEASURED, MEASURED_POINTS, MODEL_HERE, MODEL_LINE, PINNED_POINTS
from perflab.lab.panel import Panel
from perflab.lab.panels.trail import Trail
from perflab.lab.record import Record
from perflab.measure.percentiles import percentile

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


class Versus(Panel):
    """Median (and, with `tail`, p99 as a small triangle) against the parameter `x`; settings measured before stay as small dots.

    `column` (ns) is what is measured, `ticks` how the axis of `x` is labelled.
    `curve(model)` gives x values and latencies (ns) of the model over the whole range of the slider; a ring marks where the
    slider stands.
    """

    def __init__(
        self,
        x: str,
        x_range: tuple[float, float],
        y_range_ns: tuple[float, float],
        curve: Any,
        xlabel: str,
        column: str = "latency_ns",
        tail: bool = True,
        ticks: Any = count_ticks,
    ) -> None:
        self._column, self._shows_tail, self._ticks = column, tail, ticks
        self._x, self._x_range, self._y_range, self._curve, self._xlabel = x, x_range, y_range_ns, curve, xlabel
        self._trail = Trail()

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title=f"Latency against {self._xlabel}", xlabel=f"{self._xlabel} (log)", ylabel="latency (log)")
        axes.set(xscale="log", yscale="log", xlim=self._x_range, ylim=self._y_range)
        duration_ticks(axes.yaxis)
        self._ticks(axes.xaxis)
        (self._model,) = axes.plot([], [], **MODEL_LINE, label="model")
        (self._here,) = axes.plot([], [], **MODEL_HERE)
        (self._old,) = axes.plot([], [], "o", color=MEASURED, alpha=0.45, markersize=5, label="measured before")
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        (self._tail,) = axes.plot([], [], "^", color=ALARM, markersize=8)
        if self._shows_tail:
            self._tail.set_label("measured p99")
        (self._run,) = axes.plot([], [], **MEASURED_POINTS, label="measured median")
        legend_below(axes)
        return [self._model, self._here, self._old, self._pinned, self._tail, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        x, y = self._curve(model)
        self._model.set_data(x, y)
        here = float(parameters[self._x])
        _place(self._here, (here, float(np.exp(np.interp(np.log(here), np.log(x), np.log(y))))))

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        self._old.set_data(*self._trail.follow(record, None if record is None else self._point(record, 0.5)))
        _place(self._run, None if record is None else self._point(record, 0.5))
        _place(self._tail, None if record is None or not self._shows_tail else self._point(record, 0.99))

    def show_pinned(self, record: Record | None) -> None:
        _place(self._pinned, None if record is None else self._point(record, 0.5))

    def _point(self, record: Record, share: float) -> tuple[float, float]:
        latencies = record.column(self._column)
        return float(record.parameters[self._x]), percentile(latencies, share) if latencies.size else np.nan


def _place(artist: Any, point: tuple[float, float] | None) -> None:
    artist.set_data(*(([], []) if point is None else ([point[0]], [point[1]])))
