"""Little's law on two charts: how many are inside over time, and the two sides of L = λW against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perflab.lab.axes import legend_below
from perflab.lab.palette import (
    ALARM,
    CLOCK,
    INK,
    MEASURED,
    MEASURED_POINTS,
    MODEL_HERE,
    MODEL_LINE,
    PINNED_POINTS,
)
from perflab.lab.panel import Panel
from perflab.lab.panels.trail import Trail
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


class TwoSides(Protocol):
    """L, λ and W of a window."""

    @property
    def inside(self) -> float: ...
    @property
    def rate(self) -> float: ...
    @property
    def time_inside(self) -> float: ...


SidesOf = Callable[[Record], TwoSides | None]
StepsOf = Callable[[Record], tuple[NDArray[np.float64], NDArray[np.float64]]]
HIGHESTS = (5, 10, 20, 50, 100, 200, 500)


class Inside(Panel):
    """The number inside at each moment, its mean over the window, and where the window ends.

    The model has `workers`, the number above which those inside have to wait, and `inside`, the mean that is expected.
    """

    width = 1.3

    def __init__(self, seconds: float, steps: StepsOf, sides: SidesOf) -> None:
        self._seconds, self._steps_of, self._sides = seconds, steps, sides

    def build(self, axes: Axes) -> Sequence[Artist]:
        self._axes = axes
        axes.set(title="How many are inside", xlabel="time since the start (s)", ylabel="requests inside")
        axes.set(xlim=(0, self._seconds), ylim=(0, HIGHESTS[1]))
        (self._line,) = axes.plot([], [], color=MEASURED, linewidth=1.6, drawstyle="steps-post", label="inside")
        (self._model,) = axes.plot([], [], **MODEL_LINE, label="model, λW")
        (self._mean,) = axes.plot([], [], color=CLOCK, linestyle="--", linewidth=2.5, label="L: mean in the window")
        self._end = axes.axvline(np.nan, color=ALARM, linestyle="-.", linewidth=2, label="end of the window")
        self._busy = axes.axhline(np.nan, color=INK, linestyle=":", linewidth=2, label="all workers busy")
        legend_below(axes, 3)
        return [self._busy, self._line, self._model, self._mean, self._end]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._model.set_data([0, self._seconds], [model.inside, model.inside])
        self._end.set_xdata([model.window_s] * 2)
        self._busy.set_ydata([model.workers] * 2)
        if np.isfinite(model.inside):
            self._reach(2.5 * model.inside)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        moments, inside = (np.empty(0), np.empty(0)) if record is None else self._steps_of(record)
        self._line.set_data(moments, inside)
        found = None if record is None else self._sides(record)
        end_s = 0.0 if record is None or not moments.size else min(record.parameters["window"], float(moments[-1]))
        self._mean.set_data(*(([], []) if found is None else ([0, end_s], [found.inside] * 2)))
        if inside.size:
            self._reach(float(inside.max()), at_least=float(self._axes.get_ylim()[1]))

    def _reach(self, value: float, at_least: float = 0.0) -> None:
        fitting = (height for height in HIGHESTS if height >= max(value, at_least))
        self._axes.set_ylim(0, next(fitting, HIGHESTS[-1]))


class Sides(Panel):
    """What was counted inside against λW: on the diagonal they are the same. Settings measured before stay as dots."""

    def __init__(self, lowest: float, highest: float, sides: SidesOf) -> None:
        self._ends, self._sides = (lowest, highest), sides
        self._trail = Trail()

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Both sides of L = λW", xlabel="λ · W (log)", ylabel="L, counted inside (log)")
        axes.set(xscale="log", yscale="log", xlim=self._ends, ylim=self._ends)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.plot(self._ends, self._ends, **{**MODEL_LINE, "linewidth": 1.8}, label="L = λW")
        (self._here,) = axes.plot([], [], **MODEL_HERE)
        (self._old,) = axes.plot([], [], "o", color=CLOCK, markersize=6, label="before")
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        (self._run,) = axes.plot([], [], **MEASURED_POINTS, label="this run")
        legend_below(axes, 4)
        return [self._here, self._old, self._pinned, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._here.set_data([model.inside], [model.inside])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        self._old.set_data(*self._trail.follow(record, None if record is None else self._point(record)))
        self._run.set_data(*([value] for value in self._point(record)))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*([value] for value in self._point(record)))

    def _point(self, record: Record | None) -> tuple[float, float]:
        found = None if record is None else self._sides(record)
        return (np.nan, np.nan) if found is None else (found.rate * found.time_inside, found.inside)
