"""Batches on two charts: the two parts of a response time, and the throughput, each against the batch size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.axes import count_ticks, duration_ticks, legend_below
from perflab.lab.palette import CLOCK, MEASURED, MEASURED_POINTS, MODEL, MODEL_LINE, PINNED_POINTS, SECOND, THIRD
from perflab.lab.panel import Panel
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

LOWEST_NS, HIGHEST_NS = 1e5, 5e9


class WaitAndWrite(Panel):
    """Means over requests: the wait for the batch, the commit, and both together, model as lines and this run as points."""

    def __init__(self, most_rows: int) -> None:
        self._most = most_rows

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Response time, in its two parts (means)", xlabel="batch size (log)", ylabel="time (log)")
        axes.set(xscale="log", yscale="log", xlim=(0.9, self._most * 1.15), ylim=(LOWEST_NS, HIGHEST_NS))
        duration_ticks(axes.yaxis)
        count_ticks(axes.xaxis)
        (self._total,) = axes.plot([], [], **MODEL_LINE, label="model: both")
        (self._wait,) = axes.plot([], [], color=THIRD, linestyle="--", linewidth=2.2, label="model: waiting")
        (self._write,) = axes.plot([], [], color=SECOND, linestyle=":", linewidth=2.5, label="model: commit")
        (self._here,) = axes.plot([], [], "o", color=MODEL, markersize=15, fillstyle="none", markeredgewidth=2.5)
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned: both")
        (self._waited,) = axes.plot([], [], "^", color=THIRD, markersize=9, label="waiting")
        (self._wrote,) = axes.plot([], [], "s", color=SECOND, markersize=8, label="commit")
        (self._run,) = axes.plot([], [], **MEASURED_POINTS, label="measured: both")
        legend_below(axes, 4)
        return [self._total, self._wait, self._write, self._here, self._pinned, self._waited, self._wrote, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        waiting, writing = (np.array([getattr(each, name) for each in model.waits]) for name in ("waiting", "writing"))
        self._total.set_data(model.sizes, waiting + writing)
        self._wait.set_data(model.sizes, waiting)
        self._write.set_data(model.sizes, writing)
        self._here.set_data([model.size], [model.here.waiting + model.here.writing])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        for artist, name in ((self._waited, "waiting_ns"), (self._wrote, "writing_ns"), (self._run, "latency_ns")):
            artist.set_data(*self._mean(record, name))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*self._mean(record, "latency_ns"))

    def _mean(self, record: Record | None, name: str) -> Any:
        if record is None or not record.column(name).size:
            return [], []
        return [record.parameters["size"]], [float(record.column(name).mean())]


class CostOfBatches(Panel):
    """Throughput against rows in a batch: capacity b/S(b), each batch of this run, and what got through."""

    def __init__(self, most_rows: int, throughput: Callable[[Record], float], fitted: Callable[[Record], Any]) -> None:
        self._most, self._throughput, self._fitted = most_rows, throughput, fitted

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Throughput", xlabel="rows in a batch (log)", ylabel="requests per second (log)")
        axes.set(xscale="log", yscale="log", xlim=(0.9, self._most * 1.15), ylim=(5, 2e6))
        count_ticks(axes.xaxis)
        count_ticks(axes.yaxis)
        (self._capacity,) = axes.plot([], [], **MODEL_LINE, label="model: capacity")
        (self._fit,) = axes.plot([], [], color=CLOCK, linestyle="--", linewidth=2, label="fitted to this run")
        (self._rate,) = axes.plot([], [], color=MODEL, linestyle=":", linewidth=2, label="offered")
        (self._each,) = axes.plot([], [], ".", color=MEASURED, alpha=0.25, markersize=6, label="each batch")
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        (self._run,) = axes.plot([], [], **MEASURED_POINTS, label="written")
        legend_below(axes, 3)
        return [self._capacity, self._fit, self._rate, self._each, self._pinned, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._capacity.set_data(model.sizes, model.throughput)
        self._rate.set_data([0.9, self._most * 1.15], [model.rate] * 2)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        if record is None:
            self._each.set_data([], [])
        else:
            self._each.set_data(record.column("rows"), record.column("rows") * 1e9 / record.column("batch_ns"))
        fit = None if record is None else self._fitted(record)
        sizes = np.logspace(0, np.log10(self._most), 30)
        if fit is None or not fit.each_row:
            self._fit.set_data([], [])
        else:
            self._fit.set_data(sizes, 1e9 * fit.throughput(sizes))
        self._run.set_data(*self._point(record))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*self._point(record))

    def _point(self, record: Record | None) -> Any:
        if record is None or not record.count("batches"):
            return [], []
        return [record.count("calls") / record.count("batches")], [self._throughput(record)]
