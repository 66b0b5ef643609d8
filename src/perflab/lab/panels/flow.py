"""The two charts of every road: how much gets through against how much is on it, and how long the trips took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab.axes import duration_ticks, legend_below
from perflab.lab.palette import (
    CLOCK,
    INK,
    MEASURED,
    MEASURED_POINTS,
    MODEL,
    MODEL_HERE,
    MODEL_LINE,
    PINNED,
    PINNED_POINTS,
)
from perflab.lab.panel import Panel
from perflab.lab.panels.trail import Trail
from perflab.lab.record import Record
from perflab.measure.percentiles import percentile

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Curve:
    """What the model expects: flow over densities, exact or an upper bound, and where this setting lies (NaN: nowhere)."""

    density: NDArray[np.float64]
    flow: NDArray[np.float64]
    exact: bool
    here: tuple[float, float]


PointOf = Callable[[Record], tuple[float, float]]
MomentsOf = Callable[[Record], tuple[NDArray[np.float64], NDArray[np.float64]]]


class FlowAgainstDensity(Panel):
    """The fundamental diagram. `point(record)` gives density and flow of a run, `moments` those of its parts (arrays of one
    shape each), `curve(model)` what to expect. Settings measured before stay as dots.
    """

    def __init__(
        self,
        xlabel: str,
        ylabel: str,
        highest: tuple[float, float],
        curve: Callable[[Any], Curve],
        point: PointOf,
        moments: MomentsOf,
        part: str,
        lowest: float = 0.0,
        bound: str = "",
    ) -> None:
        self._labels, self._highest, self._lowest, self._part = (xlabel, ylabel), highest, lowest, part
        self._bound_label = bound
        self._curve, self._point, self._moments_of = curve, point, moments
        self._trail = Trail()

    def build(self, axes: Axes) -> Sequence[Artist]:
        """With a `lowest` density above 0 its axis is logarithmic."""
        axes.set(title="Flow against density", xlabel=self._labels[0], ylabel=self._labels[1])
        axes.set(xlim=(self._lowest, self._highest[0]), ylim=(0, self._highest[1]))
        if self._lowest > 0:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        (self._exact,) = axes.plot([], [], **MODEL_LINE, label="exact" if self._bound_label else "model")
        (self._bound,) = axes.plot(
            [], [], color=MODEL, linestyle="--", linewidth=2.2, label=self._bound_label or "_not shown"
        )
        (self._here,) = axes.plot([], [], **MODEL_HERE)
        (self._moments,) = axes.plot([], [], ".", color=MEASURED, alpha=0.4, markersize=7, label=self._part)
        (self._old,) = axes.plot([], [], "o", color=CLOCK, markersize=6, label="before")
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned")
        (self._run,) = axes.plot([], [], **MEASURED_POINTS, label="this run")
        legend_below(axes, 3)
        return [self._exact, self._bound, self._here, self._moments, self._old, self._pinned, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        curve = self._curve(model)
        shown, other = (self._exact, self._bound) if curve.exact else (self._bound, self._exact)
        shown.set_data(curve.density, curve.flow)
        other.set_data([], [])
        self._here.set_data(*([value] for value in curve.here))

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        self._old.set_data(*self._trail.follow(record, None if record is None else self._point(record)))
        self._run.set_data(*self._coordinates(record))
        density, flow = (np.empty(0),) * 2 if record is None else self._moments_of(record)
        self._moments.set_data(density, flow)

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*self._coordinates(record))

    def _coordinates(self, record: Record | None) -> Any:
        return ([], []) if record is None else [[value] for value in self._point(record)]


class AsBusy(Panel):
    """Another road's fundamental diagram, only on paper, to compare with: `curve(model)`, and where it is as busy."""

    width = 0.8

    def __init__(
        self, title: str, xlabel: str, ylabel: str, highest: tuple[float, float], curve: Callable[[Any], Curve]
    ) -> None:
        self._words, self._highest, self._curve = {"title": title, "xlabel": xlabel, "ylabel": ylabel}, highest, curve

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(**self._words, xlim=(0, self._highest[0]), ylim=(0, self._highest[1]))
        (self._line,) = axes.plot([], [], **MODEL_LINE, label="exact")
        (self._here,) = axes.plot([], [], **MODEL_HERE, label="as busy")
        legend_below(axes, 2)
        return [self._line, self._here]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        curve = self._curve(model)
        self._line.set_data(curve.density, curve.flow)
        self._here.set_data(*([value] for value in curve.here))


class TripTimes(Panel):
    """How often each trip time occurred (`times` of a record, ns), with `free_ns(model)`: the trip when nobody else is there."""

    def __init__(
        self,
        what: str,
        free: str,
        ends_ns: tuple[float, float],
        ticks: Sequence[float],
        highest_share: float,
        free_ns: Callable[[Any], float],
        times: Callable[[Record], NDArray[Any]] = lambda record: record.column("latency_ns"),
    ) -> None:
        self._highest_share, self._times = highest_share, times
        self._what, self._free_label, self._ticks, self._free_ns = what, free, ticks, free_ns
        decades = np.log10(ends_ns[1] / ends_ns[0])
        self._edges = np.logspace(np.log10(ends_ns[0]), np.log10(ends_ns[1]), round(decades * 15) + 1)

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Trip times", xlabel="time of a trip (log)", ylabel=f"share of {self._what}", xscale="log")
        axes.set(xlim=(self._edges[0], self._edges[-1]), ylim=(0, self._highest_share))
        axes.set_xticks(self._ticks)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        duration_ticks(axes.xaxis)
        empty = np.zeros(self._edges.size - 1)
        self._bars = axes.stairs(empty, self._edges, fill=True, color=MEASURED, alpha=0.75, label="this run")
        self._ghost = axes.stairs(empty, self._edges, color=PINNED, linewidth=2, linestyle=":", label="pinned")
        self._free = axes.axvline(np.nan, color=MODEL, linewidth=2.5, label=self._free_label)
        self._median = axes.axvline(np.nan, color=INK, linewidth=2, linestyle="--", label="p50")
        self._tail = axes.axvline(np.nan, color=CLOCK, linewidth=2, linestyle="-.", label="p99")
        legend_below(axes, 3)
        return [self._bars, self._ghost, self._free, self._median, self._tail]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._free.set_xdata([self._free_ns(model)] * 2)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        trips = np.empty(0) if record is None else self._times(record)
        self._bars.set_data(self._shares(trips))
        for line, share in ((self._median, 0.5), (self._tail, 0.99)):
            line.set_xdata([percentile(trips, share) if trips.size else np.nan] * 2)

    def show_pinned(self, record: Record | None) -> None:
        self._ghost.set_data(self._shares(np.empty(0) if record is None else self._times(record)))

    def _shares(self, trips: NDArray[Any]) -> NDArray[np.float64]:
        inside = np.clip(trips, self._edges[0], self._edges[-1])
        return np.histogram(inside, self._edges)[0] / max(1, trips.size)
