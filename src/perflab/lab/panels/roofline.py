"""Roofs over what a server gets through, and how long requests take on the way there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perflab.lab.axes import count_ticks, duration_ticks, legend_below
from perflab.lab.palette import ALARM, INK, MEASURED_POINTS, MODEL, MODEL_LINE, PINNED, PINNED_POINTS
from perflab.lab.panel import Panel
from perflab.lab.panels.trail import Trail
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

Point = tuple[float, float]
DASHES = ("-", "--", "-.", ":")


class Roofs(Protocol):
    """What the panels here want of a model: limits (per s) over `needs` (ms of CPU), by name, and where this request lies;
    response times (ns) over `loads` (%), and the load that is offered.
    """

    needs: NDArray[np.float64]
    limits: Mapping[str, NDArray[np.float64]]
    here: float
    smallest: str
    loads: NDArray[np.float64]
    response_ns: NDArray[np.float64]
    load: float


class Roofline(Panel):
    """The limits of four resources against the CPU that a request needs (Williams, Waterman and Patterson 2009).

    The smallest limit at this request is drawn thick and named; `value(record)` is what was measured, as a point.
    """

    def __init__(
        self, names: Sequence[str], ends: tuple[Point, Point], value: Callable[[Record], Point | None]
    ) -> None:
        self._names, self._ends, self._value = names, ends, value
        self._trail = Trail(free=("cpu", "load"))

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Four limits", xlabel="CPU that a request needs (ms, log)", ylabel="requests/s (log)")
        axes.set(xscale="log", yscale="log", xlim=self._ends[0], ylim=self._ends[1])
        axes.set_xticks(ticks := [0.1, 0.3, 1, 3, 10, 30], [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        count_ticks(axes.yaxis)
        self._lines = {
            name: axes.plot([], [], dashes, color=PINNED, linewidth=2, label=name)[0]
            for name, dashes in zip(self._names, DASHES, strict=True)
        }
        (self._roof,) = axes.plot([], [], **{**MODEL_LINE, "linewidth": 4, "alpha": 0.5}, label="the roof")
        (self._here,) = axes.plot([], [], "v", color=ALARM, markersize=11, linestyle="none")
        (self._dots,) = axes.plot([], [], **{**MEASURED_POINTS, "markersize": 5})
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        (self._run,) = axes.plot([], [], **{**MEASURED_POINTS, "markersize": 11}, label="measured")
        self._name = axes.text(0.03, 0.05, "", transform=axes.transAxes, color=INK)
        legend_below(axes, 3)
        return [*self._lines.values(), self._roof, self._here, self._dots, self._pinned, self._run, self._name]

    def show_model(self, parameters: Mapping[str, Any], model: Roofs) -> None:
        for name, line in self._lines.items():
            line.set_data(model.needs, model.limits[name])
        roof = np.min(list(model.limits.values()), axis=0)
        self._roof.set_data(model.needs, roof)
        self._here.set_data([model.here], [np.interp(model.here, model.needs, roof) * 1.25])
        self._name.set_text(f"smallest here: {model.smallest}")

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        point = None if record is None else self._value(record)
        self._dots.set_data(*self._trail.follow(record, point))
        self._run.set_data(*_one(point))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*_one(None if record is None else self._value(record)))


class TakeOff(Panel):
    """Response time against load, in % of what the server was seen to do at most: where does it take off?

    `value(record)` is what was measured: the load that was offered in % of the most, which may be less than was asked for, and
    the mean response (ns).
    """

    def __init__(self, ends: Point, value: Callable[[Record], Point | None]) -> None:
        self._ends, self._value = ends, value
        self._trail = Trail(free=("load",))

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Response time", xlabel="load (% of the most it does)", ylabel="mean (log)")
        axes.set(yscale="log", xlim=(0, 125), ylim=self._ends)
        duration_ticks(axes.yaxis)
        axes.axvline(100, color=PINNED, linestyle=":", linewidth=1.8)
        (self._model,) = axes.plot([], [], **MODEL_LINE, label="model")
        (self._here,) = axes.plot([], [], "o", color=MODEL, markersize=15, fillstyle="none", markeredgewidth=2)
        (self._dots,) = axes.plot([], [], **{**MEASURED_POINTS, "markersize": 5})
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        (self._run,) = axes.plot([], [], **{**MEASURED_POINTS, "markersize": 11}, label="measured")
        legend_below(axes, 3)
        return [self._model, self._here, self._dots, self._pinned, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: Roofs) -> None:
        self._model.set_data(model.loads, model.response_ns)
        response = np.interp(model.load, model.loads, model.response_ns, right=self._ends[1])
        self._here.set_data([model.load], [response])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        point = None if record is None else self._value(record)
        self._dots.set_data(*self._trail.follow(record, point))
        self._run.set_data(*_one(point))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*_one(None if record is None else self._value(record)))


def _one(point: Point | None) -> tuple[list[float], list[float]]:
    return ([], []) if point is None else ([point[0]], [point[1]])
