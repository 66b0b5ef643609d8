"""Throughput over time by several ways of counting, and what each way says in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab.axes import legend_below
from perflab.lab.palette import CLOCK, MEASURED_LINE, MEASURED_POINTS, MODEL, MODEL_LINE, PINNED_POINTS, THIRD
from perflab.lab.panel import Panel
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

LinesOf = Callable[[Record], tuple[NDArray[np.float64], Mapping[str, NDArray[np.float64]]]]


@dataclass(frozen=True)
class Bar:
    """Requests per second, half of the 95% band, and how many requests were counted for it."""

    value: float
    half: float
    seen: int


class OverTime(Panel):
    """Requests per second at each moment: windowed, smoothed and overall, with the offered load and the model's window."""

    width = 1.25

    def __init__(self, moments_s: NDArray[np.float64], highest: float, lines: LinesOf) -> None:
        self._moments, self._highest, self._lines_of = moments_s, highest, lines

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Throughput while it runs", xlabel="time since the start (s)", ylabel="requests per second")
        axes.set(xlim=(0, self._moments[-1]), ylim=(0, self._highest))
        (self._offered,) = axes.plot([], [], color=MODEL, linestyle=":", linewidth=2, label="offered")
        (self._model,) = axes.plot([], [], **MODEL_LINE, label="model, windowed")
        (overall,) = axes.plot([], [], color=CLOCK, linestyle="-.", linewidth=2.2, label="overall so far")
        (smoothed,) = axes.plot([], [], color=THIRD, linestyle="--", linewidth=2.2, label="smoothed")
        (windowed,) = axes.plot([], [], **MEASURED_LINE, label="windowed")
        self._lines = {"overall": overall, "smoothed": smoothed, "windowed": windowed}
        legend_below(axes, 5)
        return [self._offered, self._model, *self._lines.values()]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._offered.set_data([0, self._moments[-1]], [model.offered, model.offered])
        self._model.set_data(self._moments, model.windowed)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        moments, lines = (np.empty(0), {}) if record is None else self._lines_of(record)
        for name, line in self._lines.items():
            line.set_data(moments if name in lines else [], lines.get(name, []))


class Counted(Panel):
    """One row per way of counting. `measured(record)` and `expected(model)` say what each finds."""

    def __init__(
        self,
        names: Sequence[str],
        highest: float,
        measured: Callable[[Record], Mapping[str, Bar]],
        expected: Callable[[Any], Mapping[str, float]],
    ) -> None:
        self._names, self._highest = list(names), highest
        self._measured, self._expected = measured, expected

    def build(self, axes: Axes) -> Sequence[Artist]:
        rows = np.arange(len(self._names))
        axes.set(title="What each way of counting says", xlabel="requests per second", xlim=(0, self._highest))
        axes.set_yticks(rows, self._names)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        nothing = np.full(len(rows), np.nan)
        (self._model,) = axes.plot(
            nothing, rows, "|", color=MODEL, markersize=18, markeredgewidth=4, label="model", alpha=0.7
        )
        self._whiskers = [axes.plot([], [], color=MEASURED_LINE["color"], linewidth=2)[0] for _ in rows]
        (self._dots,) = axes.plot(nothing, rows, **MEASURED_POINTS, label="measured, 95% band")
        (self._pinned,) = axes.plot(nothing, rows, **PINNED_POINTS, label="pinned run")
        legend_below(axes, 3)
        return [self._model, *self._whiskers, self._pinned, self._dots]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        expected = self._expected(model)
        self._model.set_xdata([expected.get(name, np.nan) for name in self._names])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        bars = {} if record is None else self._measured(record)
        for row, (name, whisker) in enumerate(zip(self._names, self._whiskers, strict=True)):
            bar = bars.get(name, Bar(np.nan, np.nan, 0))
            whisker.set_data([bar.value - bar.half, bar.value + bar.half], [row, row])
        self._dots.set_xdata(self._values(bars))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_xdata(self._values({} if record is None else self._measured(record)))

    def _values(self, bars: Mapping[str, Bar]) -> list[float]:
        return [bars[name].value if name in bars else np.nan for name in self._names]
