"""Reads through a cache: each one on a time line, the share of hits so far, and the two humps of their distribution.

The panels need the columns "latency_ns", "at_s" (seconds of the run) and "hit", in step with each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perflab.lab.axes import duration_ticks, legend_below
from perflab.lab.palette import INK, MEASURED, MEASURED_LINE, MODEL, MODEL_LINE, PINNED, PINNED_LINE, SECOND
from perflab.lab.panel import Panel
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

BINS_PER_DECADE = 12


class CacheModel(Protocol):
    """Hit ratios up to `at_s` and the steady one; times of a hit, of a miss, and on average (ns)."""

    at_s: Sequence[float]
    ratio_so_far: NDArray[np.float64]
    steady: float
    hit: float
    miss: float
    mean: float


class Reads(Panel):
    """Each request at the time it was sent: hits and misses."""

    width = 1.2

    def __init__(self, seconds: float, low_ns: float, high_ns: float) -> None:
        self._seconds, self._limits = seconds, (low_ns, high_ns)

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Each request", xlabel="seconds of the run", ylabel="response time (log)", yscale="log")
        axes.set(xlim=(0, self._seconds), ylim=self._limits, xticks=np.linspace(0, self._seconds, 5))
        duration_ticks(axes.yaxis)
        (self._misses,) = axes.plot([], [], "x", color=MEASURED, markersize=5, label="miss")
        (self._hits,) = axes.plot([], [], "o", color=SECOND, markersize=3.5, label="hit")
        lines: dict[str, Any] = {"color": MODEL, "linewidth": 1.8}
        self._expected = [axes.axhline(np.nan, linestyle=style, **lines) for style in ("-", "--")]
        self._expected[0].set_label("model, no queue")
        self._pinned = axes.axhline(np.nan, color=PINNED, linestyle=":", linewidth=2, label="pinned median")
        legend_below(axes, 2)
        return [self._misses, self._hits, self._pinned, *self._expected]

    def show_model(self, parameters: Mapping[str, Any], model: CacheModel) -> None:
        for line, value in zip(self._expected, (model.miss, model.hit), strict=True):
            line.set_ydata([value, value])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        for line, wanted in ((self._hits, True), (self._misses, False)):
            at_s, latency_ns = _of_kind(record, wanted)
            line.set_data(at_s, latency_ns)

    def show_pinned(self, record: Record | None) -> None:
        median = np.nan if record is None or not record.calls else float(np.median(record.column("latency_ns")))
        self._pinned.set_ydata([median, median])


class HitRatio(Panel):
    """The share of hits since the cache was empty."""

    width = 0.9

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Hit ratio so far", xlabel="seconds of the run", xlim=(0, self._seconds), ylim=(0, 1))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        (self._model,) = axes.plot([], [], **MODEL_LINE, label="model")
        self._steady = axes.axhline(np.nan, color=MODEL, linestyle="--", linewidth=1.5, label="model, for ever")
        (self._run,) = axes.plot([], [], **MEASURED_LINE, label="measured")
        (self._pinned,) = axes.plot([], [], **PINNED_LINE, label="pinned")
        legend_below(axes, 2)
        return [self._model, self._steady, self._pinned, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: CacheModel) -> None:
        self._model.set_data((0, *model.at_s), (0, *model.ratio_so_far))
        self._steady.set_ydata([model.steady, model.steady])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        self._run.set_data(*_ratio_so_far(record))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*_ratio_so_far(record))


class Humps(Panel):
    """How often each response time occurred, hits and misses apart, with the means."""

    def __init__(self, low_ns: float, high_ns: float) -> None:
        decades = np.log10(high_ns / low_ns)
        self._edges = np.logspace(np.log10(low_ns), np.log10(high_ns), round(decades * BINS_PER_DECADE) + 1)

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Two humps", xlabel="response time (log)", ylabel="share of requests", xscale="log")
        axes.set(xlim=(self._edges[0], self._edges[-1]), ylim=(0, 0.6))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        duration_ticks(axes.xaxis)
        empty = np.zeros(self._edges.size - 1)
        self._misses = axes.stairs(
            empty, self._edges, fill=True, color=MEASURED, hatch="xx", alpha=0.85, label="misses"
        )
        self._hits = axes.stairs(empty, self._edges, fill=True, color=SECOND, alpha=0.85, label="hits")
        self._ghost = axes.stairs(empty, self._edges, color=PINNED, linestyle=":", linewidth=2, label="pinned")
        self._mean = axes.axvline(np.nan, color=INK, linewidth=2, linestyle="-.", label="mean")
        self._expected = axes.axvline(np.nan, color=MODEL, linewidth=2.5, linestyle="--", label="model's mean")
        legend_below(axes)
        return [self._misses, self._hits, self._ghost, self._expected, self._mean]

    def show_model(self, parameters: Mapping[str, Any], model: CacheModel) -> None:
        self._expected.set_xdata([model.mean, model.mean])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        latencies = np.empty(0) if record is None else record.column("latency_ns")
        for stairs, wanted in ((self._hits, True), (self._misses, False)):
            stairs.set_data(self._shares(_of_kind(record, wanted)[1], latencies.size))
        mean = float(latencies.mean()) if latencies.size else np.nan
        self._mean.set_xdata([mean, mean])

    def show_pinned(self, record: Record | None) -> None:
        latencies = np.empty(0) if record is None else record.column("latency_ns")
        self._ghost.set_data(self._shares(latencies, latencies.size))

    def _shares(self, latencies: NDArray[Any], all_of_them: int) -> NDArray[np.float64]:
        inside = np.clip(latencies, self._edges[0], self._edges[-1])
        return np.histogram(inside, self._edges)[0] / max(1, all_of_them)


def _of_kind(record: Record | None, hit: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    if record is None or not record.column("hit").size:
        return np.empty(0), np.empty(0)
    chosen = record.column("hit") == hit
    return record.column("at_s")[chosen], record.column("latency_ns")[chosen]


def _ratio_so_far(record: Record | None) -> tuple[NDArray[Any], NDArray[Any]]:
    if record is None or not record.column("hit").size:
        return np.empty(0), np.empty(0)
    hits = record.column("hit")
    return record.column("at_s"), np.cumsum(hits) / np.arange(1, hits.size + 1)
