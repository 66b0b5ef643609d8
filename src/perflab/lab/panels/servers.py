"""Response time of several servers against load."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.axes import duration_ticks, legend_below
from perflab.lab.palette import (
    CLOCK,
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
