"""A quantity against the number of clients, for ways of serving them that stand side by side in each run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab.axes import count_ticks, legend_below
from perflab.lab.palette import CLOCK, MEASURED, MODEL, PINNED_POINTS
from perflab.lab.panel import Panel
from perflab.lab.panels.trail import Trail
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

STYLES = ((MEASURED, "s", "-"), (CLOCK, "o", "--"))


class AgainstClients(Panel):
    """A run gives one point for each of `kinds` at its number of clients; runs of other settings leave the chart.

    `value(record)` gives the quantity of each kind, `lines(model)` what to expect of each at `numbers`, where there is a model.
    """

    def __init__(
        self,
        title: str,
        ylabel: str,
        ends: tuple[float, float],
        kinds: Sequence[str],
        numbers: NDArray[Any],
        value: Callable[[Record], Mapping[str, float]],
        ticks: Callable[[Axis], None],
        lines: Callable[[Any], Mapping[str, NDArray[np.float64]]] | None = None,
        free: Sequence[str] = ("clients",),
    ) -> None:
        self._texts, self._ends, self._kinds, self._numbers = (title, ylabel), ends, kinds, numbers
        self._value, self._ticks, self._lines_of = value, ticks, lines
        self._trails = {kind: Trail(free) for kind in kinds}

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title=self._texts[0], xlabel="clients at once (log)", ylabel=self._texts[1])
        axes.set(xscale="log", yscale="log", xlim=(0.8, 1.3 * self._numbers[-1]), ylim=self._ends)
        count_ticks(axes.xaxis)
        self._ticks(axes.yaxis)
        self._lines, self._dots, self._run = {}, {}, {}
        for kind, (color, marker, dashes) in zip(self._kinds, STYLES, strict=True):
            (self._lines[kind],) = axes.plot([], [], dashes, color=MODEL, linewidth=2.2)
            (self._dots[kind],) = axes.plot([], [], marker, color=color, markersize=7, linestyle="none")
            (self._run[kind],) = axes.plot(
                [], [], marker, color=color, markersize=12, markeredgecolor="white", linestyle="none", label=kind
            )
            if self._lines_of is not None:
                self._lines[kind].set_label(f"{kind}, model")
        (self._here,) = axes.plot(
            [], [], "o", color=MODEL, markersize=15, fillstyle="none", markeredgewidth=2, linestyle="none"
        )
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        legend_below(axes, 2)
        return [*self._lines.values(), self._here, *self._dots.values(), self._pinned, *self._run.values()]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        if self._lines_of is not None:
            lines = self._lines_of(model)
            for kind, line in lines.items():
                self._lines[kind].set_data(self._numbers, line)
            clients = parameters["clients"]
            here = [float(np.interp(clients, self._numbers, line)) for line in lines.values()]
            self._here.set_data([clients] * len(here), here)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        points = self._points(record)
        for kind in self._kinds:
            self._dots[kind].set_data(*self._trails[kind].follow(record, points.get(kind)))
            self._run[kind].set_data(*zip(points[kind])) if kind in points else self._run[kind].set_data([], [])

    def show_pinned(self, record: Record | None) -> None:
        points = self._points(record).values()
        self._pinned.set_data([x for x, _ in points], [y for _, y in points])

    def _points(self, record: Record | None) -> dict[str, tuple[float, float]]:
        if record is None:
            return {}
        clients = record.parameters["clients"]
        return {kind: (clients, value) for kind, value in self._value(record).items() if np.isfinite(value)}
