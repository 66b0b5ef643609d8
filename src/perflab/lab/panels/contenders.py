"""A quantity against the number of workers, for kinds of workers that compete; and how busy a server is over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab.axes import legend_below
from perflab.lab.palette import CLOCK, MEASURED, MODEL, MODEL_LINE, PINNED, PINNED_POINTS, THIRD
from perflab.lab.panel import Panel
from perflab.lab.panels.trail import Trail
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

MARKERS = ("o", "s", "^")
Curves = Mapping[str, NDArray[np.float64]]


class AgainstWorkers(Panel):
    """A run is one point at its number of workers, with a marker for its kind; runs of other settings leave the chart.

    `lines(model)` gives what to expect at `numbers`, and up to so many `limits` of it; `value(record)` the quantity of a run.
    The parameters "kind" and "workers" are what may differ between points. Without limits there is no legend: it is
    that of the chart beside it.
    """

    def __init__(
        self,
        title: str,
        ylabel: str,
        ends: tuple[float, float],
        kinds: Sequence[str],
        numbers: NDArray[Any],
        lines: Callable[[Any], tuple[NDArray[np.float64], Sequence[NDArray[np.float64]]]],
        value: Callable[[Record], float],
        ticks: Callable[[Axis], None],
        limits: int = 0,
    ) -> None:
        self._texts, self._ends, self._kinds, self._numbers = (title, ylabel), ends, kinds, numbers
        self._lines_of, self._value, self._ticks, self._most_limits = lines, value, ticks, limits
        self._trails = {kind: Trail(free=("kind", "workers")) for kind in kinds}

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title=self._texts[0], xlabel="workers (log)", ylabel=self._texts[1])
        axes.set(xscale="log", yscale="log", xlim=(0.9, 1.15 * self._numbers[-1]), ylim=self._ends)
        axes.set_xticks(powers := [2**power for power in range(int(self._numbers[-1]).bit_length())], map(str, powers))
        axes.minorticks_off()
        self._ticks(axes.yaxis)
        (self._model,) = axes.plot([], [], **MODEL_LINE, label="model")
        self._limits = [
            axes.plot([], [], color=PINNED, linestyle=":", linewidth=1.8)[0] for _ in range(self._most_limits)
        ]
        if self._limits:
            self._limits[0].set_label("limits")
        self._dots = {
            kind: axes.plot([], [], marker, color=color, markersize=8, linestyle="none", label=kind)[0]
            for kind, marker, color in zip(self._kinds, MARKERS, (MEASURED, CLOCK, THIRD), strict=False)
        }
        (self._here,) = axes.plot([], [], color=MODEL, markersize=13, fillstyle="none", markeredgewidth=2.5)
        (self._run,) = axes.plot([], [], "o", color=MEASURED, markersize=17, fillstyle="none", markeredgewidth=2)
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        if self._limits:
            legend_below(axes, 3)
        return [self._model, *self._limits, self._here, *self._dots.values(), self._pinned, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        expected, limits = self._lines_of(model)
        self._model.set_data(self._numbers, expected)
        workers = parameters["workers"]
        self._here.set_data([workers], [np.interp(workers, self._numbers, expected)])
        self._here.set_marker(MARKERS[self._kinds.index(parameters["kind"])])
        for place, line in enumerate(self._limits):
            shown = place < len(limits)
            line.set_data(self._numbers if shown else [], limits[place] if shown else [])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        point = None if record is None else self._point(record)
        for kind, dots in self._dots.items():
            own = record is not None and record.parameters["kind"] == kind
            dots.set_data(*self._trails[kind].follow(record, point if own else None))
        self._run.set_data(*_one(point))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*_one(None if record is None else self._point(record)))

    def _point(self, record: Record) -> tuple[float, float] | None:
        value = self._value(record)
        return (record.parameters["workers"], value) if np.isfinite(value) else None


def _one(point: tuple[float, float] | None) -> tuple[list[float], list[float]]:
    return ([], []) if point is None else ([point[0]], [point[1]])


class Gauges(Panel):
    """What a server has seen of itself: each of `names` over time, with how much of it there is.

    `lines(record)` gives moments (s) and one array for each name; `limits(model)` the most of each.
    """

    def __init__(
        self,
        seconds: float,
        highest: float,
        names: Sequence[str],
        lines: Callable[[Record], tuple[NDArray[np.float64], Curves]],
        limits: Callable[[Any], Mapping[str, float]],
    ) -> None:
        self._ends, self._names = (seconds, highest), names
        self._lines_of, self._limits_of = lines, limits

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Inside the server", xlabel="time since the start (s)", ylabel="how many (0, then log)")
        axes.set_yscale("symlog", linthresh=1, linscale=0.5)
        axes.set(xlim=(0, self._ends[0]), ylim=(0, self._ends[1]))
        axes.set_yticks(ticks := [0, 1, 3, 10, 30, 100, 300], map(str, ticks))
        styles = zip(self._names, (MEASURED, CLOCK, THIRD), ("-", "-.", "--"), strict=False)
        self._lines, self._limits = {}, {}
        for name, color, dashes in styles:
            (self._lines[name],) = axes.plot([], [], color=color, linestyle=dashes, linewidth=2, label=name)
            (self._limits[name],) = axes.plot(
                [], [], color=color, linestyle=":", linewidth=1.5, marker=8, markevery=(1, 2)
            )
        axes.plot([], [], color=PINNED, linestyle=":", label="all there is")
        legend_below(axes, 2)
        return [*self._lines.values(), *self._limits.values()]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        for name, most in self._limits_of(model).items():
            self._limits[name].set_data([0, self._ends[0]], [most, most])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        moments, lines = (np.empty(0), {}) if record is None else self._lines_of(record)
        for name, line in self._lines.items():
            line.set_data(moments if name in lines else [], lines.get(name, []))
