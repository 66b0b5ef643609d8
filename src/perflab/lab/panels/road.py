"""A road that moves, the flow on it against its density, and how long the trips took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab.palette import (
    ALARM,
    CLOCK,
    INK,
    MEASURED,
    MEASURED_POINTS,
    MODEL,
    MODEL_LINE,
    PINNED,
    PINNED_POINTS,
    THIRD,
)
from perflab.lab.panel import Panel
from perflab.lab.panels.axes import duration_ticks, legend_below
from perflab.lab.record import Record
from perflab.measure.percentiles import percentile

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

MOST_LANES = 4
REMEMBERED = 60
STANDS, SLOW = 0, 2
MOMENT = 20
FRAME_HEIGHT = 0.045
TOP, BOTTOM = MOST_LANES + 0.9, -REMEMBERED * FRAME_HEIGHT - 0.4


class MovingRoad(Panel):
    """The cars now, one row per lane; below, where cars stood in the frames before: a jam is a dark band that drifts back."""

    width = 1.5

    def __init__(self, cells: int, km: float, accident: tuple[int, int]) -> None:
        self._cells, self._km, self._accident = cells, km, accident
        self._lanes = 1

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(
            title="The road: cars drive to the right", xlabel="km from the entrance", xlim=(-0.03, self._km * 1.01)
        )
        axes.set(
            ylim=(BOTTOM, TOP),
            yticks=(2.2, -REMEMBERED * FRAME_HEIGHT / 2),
            yticklabels=("now", "where cars\nstood before"),
        )
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False)
        axes.axhline(0.1, color=INK, linewidth=1)
        self._edges = [axes.plot([], [], color=PINNED, linewidth=1, dashes=(6, 6))[0] for _ in range(MOST_LANES + 1)]
        car: dict[str, Any] = {"linestyle": "none", "markersize": 8}
        (self._fast,) = axes.plot([], [], ">", color=MODEL, label="drives", **car)
        (self._slow,) = axes.plot([], [], "D", color=THIRD, label="is slow", **{**car, "markersize": 6})
        (self._stands,) = axes.plot([], [], "s", color=ALARM, label="stands", **car)
        (self._past,) = axes.plot([], [], "s", color=ALARM, markersize=2.5, alpha=0.7)
        (self._wreck,) = axes.plot([], [], "X", color=INK, markersize=15, label="accident")
        self._waiting = axes.text(0.0, TOP - 0.1, "", va="top", ha="left", fontsize=12, color=INK)
        legend_below(axes, 4)
        return [*self._edges, self._past, self._fast, self._slow, self._stands, self._wreck, self._waiting]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._lanes = model.lanes
        for edge, line in enumerate(self._edges):
            shown = edge <= self._lanes
            line.set_data(*(([0, self._km], [self._row(edge - 0.5)] * 2) if shown else ([], [])))
        self._show_wreck(model.accident)

    def show_run(self, record: Record | None) -> None:
        cars = np.empty(0, int) if record is None else record.column("cars")
        if record is None or not cars.size:
            for artist in (self._fast, self._slow, self._stands, self._past):
                artist.set_data([], [])
            self._waiting.set_text("")
            return
        newest = slice(record.column("position").size - int(cars[-1]), None)
        x = self._x(record.column("position")[newest])
        y = self._row(record.column("lane")[newest])
        speed = record.column("speed")[newest]
        for artist, chosen in (
            (self._stands, speed <= STANDS),
            (self._slow, (speed > STANDS) & (speed <= SLOW)),
            (self._fast, speed > SLOW),
        ):
            artist.set_data(x[chosen], y[chosen])
        self._past.set_data(*self._history(record, cars))
        self._show_wreck(bool(record.fact("blocked", False)))
        waiting = record.fact("waiting", 0)
        self._waiting.set_text(f"{waiting} waiting at the entrance" if waiting else "")

    def _show_wreck(self, there: bool) -> None:
        lane, cell = self._accident
        self._wreck.set_data(*(([self._x(cell)], [self._row(lane)]) if there else ([], [])))

    def _history(self, record: Record, cars: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Where cars stood in the last frames, the newest on top."""
        recent = cars[-REMEMBERED:]
        newest = slice(record.column("position").size - int(recent.sum()), None)
        age = np.repeat(np.arange(recent.size)[::-1], recent)
        stood = record.column("speed")[newest] <= STANDS
        return self._x(record.column("position")[newest][stood]), -0.2 - age[stood] * FRAME_HEIGHT

    def _x(self, cell: Any) -> Any:
        return (cell + 0.5) * self._km / self._cells

    def _row(self, lane: Any) -> Any:
        return 2.2 + (np.asarray(lane) - (self._lanes - 1) / 2) * 0.9


class FlowAgainstDensity(Panel):
    """The fundamental diagram: cars a minute and lane against cars per km and lane. Settings measured before stay as dots."""

    def __init__(self, per_km: float, per_minute: float) -> None:
        self._scale = per_km, per_minute
        self._trail: dict[tuple[Any, ...], tuple[float, float]] = {}

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Flow against density", xlabel="cars per km and lane", ylabel="cars a minute and lane")
        axes.set(xlim=(0, self._scale[0]), ylim=(0, 0.9 * self._scale[1]))
        (self._exact,) = axes.plot([], [], **MODEL_LINE, label="exact")
        (self._bound,) = axes.plot([], [], color=MODEL, linestyle="--", linewidth=2.2, label="at most")
        (self._here,) = axes.plot([], [], "o", color=MODEL, markersize=13, fillstyle="none", markeredgewidth=2.5)
        (self._moments,) = axes.plot([], [], ".", color=MEASURED, alpha=0.4, markersize=7, label="20 s of it")
        (self._old,) = axes.plot([], [], "o", color=CLOCK, markersize=6, label="before")
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned")
        (self._run,) = axes.plot([], [], **MEASURED_POINTS, label="this run")
        legend_below(axes, 3)
        return [self._exact, self._bound, self._here, self._moments, self._old, self._pinned, self._run]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        curve = model.densities * self._scale[0], model.flow * self._scale[1]
        self._exact.set_data(*(curve if model.exact else ([], [])))
        self._bound.set_data(*(([], []) if model.exact else curve))
        self._here.set_data(*([value] for value in np.multiply(model.here, self._scale)))

    def show_run(self, record: Record | None) -> None:
        if record is None:
            self._trail.clear()
        elif record.status != "running":
            self._trail[tuple(sorted(record.parameters.items()))] = self._point(record)
        self._old.set_data(*(list(zip(*self._trail.values(), strict=True)) or [(), ()]))
        self._run.set_data(*self._coordinates(record))
        self._moments.set_data(*([[], []] if record is None else self._means(record)))

    def _means(self, record: Record) -> list[NDArray[np.float64]]:
        """Density and flow over stretches of `MOMENT` steps."""
        whole = record.column("flow").size // MOMENT * MOMENT
        columns = (record.column(name)[:whole].reshape(-1, MOMENT).mean(axis=1) for name in ("density", "flow"))
        return [column * scale for column, scale in zip(columns, self._scale, strict=True)]

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*self._coordinates(record))

    def _coordinates(self, record: Record | None) -> Any:
        return ([], []) if record is None else [[value] for value in self._point(record)]

    def _point(self, record: Record) -> tuple[float, float]:
        if not record.column("flow").size:
            return np.nan, np.nan
        return (
            float(record.column("density").mean()) * self._scale[0],
            float(record.column("flow").mean()) * self._scale[1],
        )


class TripTimes(Panel):
    """How often each trip time occurred, with the trip on an empty road."""

    EDGES = np.logspace(np.log10(15), np.log10(1_500), 31) * 1e9

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Trip times", xlabel="time of a trip (log)", ylabel="share of cars", xscale="log", ylim=(0, 1))
        axes.set_xlim(self.EDGES[0], self.EDGES[-1])
        axes.set_xticks([2e10, 1e11, 5e11])
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        duration_ticks(axes.xaxis)
        empty = np.zeros(self.EDGES.size - 1)
        self._bars = axes.stairs(empty, self.EDGES, fill=True, color=MEASURED, alpha=0.75, label="this run")
        self._ghost = axes.stairs(empty, self.EDGES, color=PINNED, linewidth=2, linestyle=":", label="pinned")
        self._free = axes.axvline(np.nan, color=MODEL, linewidth=2.5, label="empty road")
        self._median = axes.axvline(np.nan, color=INK, linewidth=2, label="p50")
        self._tail = axes.axvline(np.nan, color=CLOCK, linewidth=2, linestyle="-.", label="p99")
        legend_below(axes, 3)
        return [self._bars, self._ghost, self._free, self._median, self._tail]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._free.set_xdata([model.trip_s * 1e9] * 2)

    def show_run(self, record: Record | None) -> None:
        trips = np.empty(0) if record is None else record.column("latency_ns")
        self._bars.set_data(self._shares(trips))
        for line, share in ((self._median, 0.5), (self._tail, 0.99)):
            line.set_xdata([percentile(trips, share) if trips.size else np.nan] * 2)

    def show_pinned(self, record: Record | None) -> None:
        self._ghost.set_data(self._shares(np.empty(0) if record is None else record.column("latency_ns")))

    def _shares(self, trips: NDArray[Any]) -> NDArray[np.float64]:
        inside = np.clip(trips, self.EDGES[0], self.EDGES[-1])
        return np.histogram(inside, self.EDGES)[0] / max(1, trips.size)
