"""A waterfall: one number after the other, each with what the step before it has become."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.axes import duration_ticks, legend_below
from perflab.lab.palette import ALARM, INK, MEASURED, MODEL, PINNED, PINNED_POINTS
from perflab.lab.panel import Panel
from perflab.lab.record import Record
from perflab.measure.compare import CLEAR, TOO_CLOSE, Ratio
from perflab.measure.estimate import Estimate
from perflab.measure.units import ratio

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

StepsOf = Callable[[Any], Mapping[str, Estimate]]
GainsOf = Callable[[Any], Mapping[str, Ratio]]


class Waterfall(Panel):
    """One row per name, the first of them the beginning. Each bar leads from the number before to its own, on a log axis.

    `measured(record)` and `expected(model)` give an `Estimate` (ns) for each step that is taken; rows of others stay empty.
    `gains(record)` says how many times faster each step made it; what got slower, and what is too close to call, has another
    colour, and says so.
    """

    def __init__(
        self,
        names: Sequence[str],
        low_ns: float,
        high_ns: float,
        measured: StepsOf,
        gains: GainsOf,
        title: str,
        expected: StepsOf | None = None,
    ) -> None:
        self._names, self._limits, self._title = tuple(names), (low_ns, high_ns), title
        self._measured, self._gains, self._expected = measured, gains, expected

    def build(self, axes: Axes) -> Sequence[Artist]:
        rows = range(len(self._names))
        axes.set(title=self._title, xlabel="response time (log)", xscale="log", xlim=self._limits)
        axes.set_yticks(rows, self._names)
        axes.set_ylim(len(self._names) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        duration_ticks(axes.xaxis)
        low = self._limits[0]
        self._faster = [axes.barh(row, 0, 0.55, left=low, color=MEASURED, alpha=0.8)[0] for row in rows]
        self._slower = [axes.barh(row, 0, 0.55, left=low, color=ALARM, hatch="//")[0] for row in rows]
        self._unclear = [axes.barh(row, 0, 0.3, left=low, color=PINNED, alpha=0.6)[0] for row in rows]
        self._whiskers = [axes.plot([], [], color=INK, linewidth=2)[0] for _ in rows]
        beside = axes.get_yaxis_transform()
        self._texts = [axes.text(0.99, row, "", va="center", ha="right", fontsize=11, transform=beside) for row in rows]
        nothing = np.full(len(self._names), np.nan)
        (self._model,) = axes.plot(nothing, rows, "|", color=MODEL, markersize=19, markeredgewidth=3)
        (self._pinned,) = axes.plot(nothing, rows, **PINNED_POINTS, label="pinned")
        self._faster[0].set_label("faster by")
        self._slower[0].set_label("slower by")
        self._unclear[0].set_label("too close")
        self._whiskers[0].set_label("95% interval")
        if self._expected is not None:
            self._model.set_label("model")
        legend_below(axes)
        return [*self._faster, *self._slower, *self._unclear, *self._whiskers, self._model, self._pinned, *self._texts]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        if self._expected is not None:
            self._model.set_xdata(self._values(self._expected(model)))

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        has_run = record is not None and record.calls > 0
        steps = self._measured(record) if has_run else {}
        gains = self._gains(record) if has_run else {}
        before = np.nan
        for row, name in enumerate(self._names):
            step = steps.get(name, Estimate(np.nan))
            self._whiskers[row].set_data([step.low, step.high], [row, row])
            self._lead(row, before, step.value, name in gains and gains[name].verdict == CLEAR)
            self._texts[row].set_text(_gain_text(gains[name]) if name in gains else "")
            before = step.value if np.isfinite(step.value) else before

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_xdata(self._values({} if record is None else self._measured(record)))

    def _lead(self, row: int, before: float, value: float, is_clear: bool) -> None:
        taken = np.isfinite(value)
        # The first row begins at nothing: it has no length, only its place.
        begin = before if taken and np.isfinite(before) else value if taken else self._limits[0]
        end = value if taken else self._limits[0]
        kinds = (self._faster[row], end <= begin and is_clear), (self._slower[row], end > begin and is_clear)
        for bar, shown in (*kinds, (self._unclear[row], not is_clear)):
            bar.set_x(min(begin, end))
            bar.set_width(abs(end - begin) if shown else 0.0)

    def _values(self, steps: Mapping[str, Estimate]) -> list[float]:
        return [steps[name].value if name in steps else np.nan for name in self._names]


def _gain_text(gain: Ratio) -> str:
    if gain.verdict != CLEAR:
        return "too close" if gain.verdict == TOO_CLOSE else "equal"
    return f"{ratio(gain.value)} faster" if gain.value >= 1 else f"{ratio(1 / gain.value)} slower"
