"""The whole distribution on a log-percentile axis: 90%, 99%, 99.9% are equally far apart, so that tails can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.axes import duration_ticks, legend_below
from perflab.lab.palette import MEASURED_LINE, MODEL_LINE, PINNED_LINE
from perflab.lab.panel import Panel
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

TICKS = {0.0: "0", 0.5: "50%", 0.9: "90%", 0.99: "99%", 0.999: "99.9%", 0.9999: "99.99%"}


def nines(shares: Any) -> Any:
    """Position of a share of calls on the axis: how many nines it has, −log10(1 − share)."""
    return -np.log10(1 - np.asarray(shares, float))


class Percentiles(Panel):
    """Latency below which a share of the calls stays: nearest rank, this run, the pinned run, and the model.

    `curve(model)` gives the model's latencies (ns) at the shares of `SHARES`; without it no model is drawn.
    """

    SHARES = 1 - np.logspace(0, -4, 200)

    def __init__(
        self, low_ns: float, high_ns: float, curve: Any = None, column: str = "latency_ns", title: str = "Percentiles"
    ) -> None:
        self._limits = (low_ns, high_ns)
        self._curve = curve
        self._column = column
        self._title = title

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(
            title=self._title, xlabel="share of calls that are at most as slow", ylabel="latency (log)", yscale="log"
        )
        axes.set_xlim(0, 4)
        axes.set_ylim(*self._limits)
        axes.set_xticks(nines(list(TICKS)), TICKS.values())
        duration_ticks(axes.yaxis)
        (self._model,) = axes.plot([], [], **MODEL_LINE, label="model")
        (self._run,) = axes.plot([], [], **MEASURED_LINE, drawstyle="steps-post", label="measured (nearest rank)")
        (self._pinned,) = axes.plot([], [], **PINNED_LINE, drawstyle="steps-post", label="pinned run")
        legend_below(axes)
        return [self._pinned, self._model, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        if self._curve is not None:
            self._model.set_data(nines(self.SHARES), self._curve(model))

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        self._run.set_data(*self._points(record))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*self._points(record))

    def _points(self, record: Record | None) -> tuple[np.ndarray, np.ndarray]:
        return percentile_curve(np.empty(0) if record is None else record.column(self._column))


def percentile_curve(latencies: np.ndarray, most: int = 1_000) -> tuple[np.ndarray, np.ndarray]:
    """Positions on the axis and latencies of at most `most` points of the empirical distribution, the slowest kept."""
    if not latencies.size:
        return np.empty(0), np.empty(0)
    ordered = np.sort(latencies)
    left_out = np.unique(np.round(np.logspace(0, np.log10(ordered.size), min(most, ordered.size))).astype(int))[::-1]
    positions = ordered.size - left_out
    return nines(positions / ordered.size), ordered[positions]
