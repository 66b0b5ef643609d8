"""Several servers behind a balancer: response time against load, who does the work, and what happens over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab.axes import duration_ticks, legend_below
from perflab.lab.palette import (
    ALARM,
    CLOCK,
    MEASURED,
    MEASURED_LINE,
    MEASURED_POINTS,
    MODEL,
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

Lines = Callable[[Record], NDArray[np.float64]]


class ResponseAgainstLoad(Panel):
    """Mean response of those served over arrival rates: the model, the best that could be done (`best` names it), and the runs.

    The model, whose rates hold that of the slider, has `rates`, `response_ns` and `best_ns` of one shape; `value(record)` is a
    run's mean (ns).
    """

    def __init__(
        self,
        highest_rate: float,
        ends_ns: tuple[float, float],
        value: Callable[[Record], float],
        best: str = "one queue for all",
        model: str = "on paper",
    ) -> None:
        self._highest, self._ends, self._value = highest_rate, ends_ns, value
        self._labels = best, model
        self._trail = Trail(free=("rate",))

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(
            title="Response time against load", xlabel="arrival rate (requests/s)", ylabel="mean of those served (log)"
        )
        axes.set(yscale="log", xlim=(0, self._highest), ylim=self._ends)
        duration_ticks(axes.yaxis)
        (self._best,) = axes.plot([], [], color=CLOCK, linestyle="--", linewidth=2, label=self._labels[0])
        (self._model,) = axes.plot([], [], **MODEL_LINE, label=self._labels[1])
        (self._here,) = axes.plot([], [], **MODEL_HERE)
        (self._old,) = axes.plot([], [], "o", color=MEASURED, markersize=5, alpha=0.6)
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        (self._run,) = axes.plot([], [], **MEASURED_POINTS, label="measured")
        legend_below(axes, 2)
        return [self._best, self._model, self._here, self._old, self._pinned, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._model.set_data(model.rates, model.response_ns)
        self._best.set_data(model.rates, model.best_ns)
        rate = parameters["rate"]
        self._here.set_data([rate], [np.interp(rate, model.rates, model.response_ns)])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        point = None if record is None else (float(record.parameters["rate"]), self._value(record))
        self._old.set_data(*self._trail.follow(record, point))
        self._run.set_data([] if point is None else [point[0]], [] if point is None else [point[1]])

    def show_pinned(self, record: Record | None) -> None:
        at = [] if record is None else [record.parameters["rate"]]
        self._pinned.set_data(at, [] if record is None else [self._value(record)])


class ByServer(Panel):
    """Requests per second that each of `most` servers did, of at most so many. The model has `shares` (per s) of each."""

    def __init__(self, most: int, highests: Sequence[float], done: Lines) -> None:
        self._most, self._highests, self._done = most, highests, done

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Who does the work", xlabel="server", ylabel="requests per second")
        axes.set(xlim=(0.4, self._most + 0.6), ylim=(0, self._highests[0]))
        self._axes = axes
        axes.set_xticks(range(1, self._most + 1))
        axes.grid(visible=False, axis="x")
        self._bars = axes.bar(
            range(1, self._most + 1), np.zeros(self._most), width=0.7, color=MEASURED, label="measured"
        )
        (self._model,) = axes.plot([], [], "_", color=MODEL, markersize=22, markeredgewidth=4, label="on paper")
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        legend_below(axes, 3)
        return [*self._bars, self._model, self._pinned]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._model.set_data(np.arange(1, model.shares.size + 1), model.shares)
        fitting = (highest for highest in self._highests if highest >= 1.3 * model.shares.max())
        self._axes.set_ylim(0, next(fitting, self._highests[-1]))

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        done = np.empty(0) if record is None else self._done(record)
        for place, bar in enumerate(self._bars):
            bar.set_height(float(done[place]) if place < done.size else 0.0)

    def show_pinned(self, record: Record | None) -> None:
        done = np.empty(0) if record is None else self._done(record)
        self._pinned.set_data(np.arange(1, done.size + 1), done)


class DoneAndFailed(Panel):
    """Requests done and failed in each piece of time. `lines(record)` gives moments (s), done and failed per second."""

    def __init__(
        self, seconds: float, highest: float, lines: Callable[[Record], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]
    ) -> None:
        self._seconds, self._highest, self._lines_of = seconds, highest, lines

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="While it runs", xlabel="time since the start (s)", ylabel="requests per second")
        axes.set(xlim=(0, self._seconds), ylim=(0, self._highest))
        (self._offered,) = axes.plot([], [], color=MODEL, linestyle=":", linewidth=2, label="offered")
        (self._done,) = axes.plot([], [], **MEASURED_LINE, label="done")
        (self._failed,) = axes.plot([], [], "X", color=ALARM, markersize=9, label="failed")
        legend_below(axes, 3)
        return [self._offered, self._done, self._failed]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._offered.set_data([0, self._seconds], [parameters["rate"]] * 2)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        moments, done, failed = (np.empty(0),) * 3 if record is None else self._lines_of(record)
        self._done.set_data(moments, done)
        self._failed.set_data(moments[failed > 0], failed[failed > 0])
