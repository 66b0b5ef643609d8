"""How often each latency occurred, on a logarithmic axis, with mean, median and p99."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.axes import duration_ticks, legend_below
from perflab.lab.palette import ALARM, INK, MEASURED, MODEL, PINNED
from perflab.lab.panel import Panel
from perflab.lab.record import Record
from perflab.measure.percentiles import percentile

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

BINS_PER_DECADE = 12


class Distribution(Panel):
    """A histogram over logarithmic bins: share of calls per bin, this run filled, the pinned run as an outline."""

    def __init__(self, low_ns: float = 20, high_ns: float = 1e8) -> None:
        decades = np.log10(high_ns / low_ns)
        self._edges = np.logspace(np.log10(low_ns), np.log10(high_ns), round(decades * BINS_PER_DECADE) + 1)

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Their distribution", xlabel="time of a call (log)", ylabel="share of calls", xscale="log")
        axes.set_xlim(self._edges[0], self._edges[-1])
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        duration_ticks(axes.xaxis)
        empty = np.zeros(self._edges.size - 1)
        self._bars = axes.stairs(empty, self._edges, fill=True, color=MEASURED, alpha=0.75, label="this run")
        self._ghost = axes.stairs(empty, self._edges, color=PINNED, linewidth=2, linestyle=":", label="pinned run")
        lines: dict[str, Any] = {"linewidth": 2, "ymax": 0.97}
        self._marks = [
            axes.axvline(np.nan, color=INK, linestyle="-", label="median", **lines),
            axes.axvline(np.nan, color=MODEL, linestyle="--", label="mean", **lines),
            axes.axvline(np.nan, color=ALARM, linestyle="-.", label="p99 (nearest rank)", **lines),
        ]
        legend_below(axes)
        return [self._bars, self._ghost, *self._marks]

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        latencies = np.empty(0) if record is None else record.column("latency_ns")
        self._bars.set_data(self._shares(latencies))
        values = [np.nan] * 3
        if record is not None and latencies.size:
            # A mean of a batch says nothing about the slowest hundredth of the calls in it.
            tail = percentile(latencies, 0.99) if record.fact("batch", 1) == 1 else np.nan
            values = [percentile(latencies, 0.5), float(latencies.mean()), tail]
        for mark, value in zip(self._marks, values, strict=True):
            mark.set_xdata([value, value])

    def show_pinned(self, record: Record | None) -> None:
        self._ghost.set_data(self._shares(np.empty(0) if record is None else record.column("latency_ns")))

    def _shares(self, latencies: np.ndarray) -> np.ndarray:
        inside = np.clip(latencies, self._edges[0], self._edges[-1])
        return np.histogram(inside, self._edges)[0] / max(1, latencies.size)
