"""A road that moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab.axes import legend_below
from perflab.lab.palette import ALARM, INK, MODEL, PINNED, THIRD
from perflab.lab.panel import Panel
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

MOST_LANES = 4
REMEMBERED = 60
STANDS, SLOW = 0, 2
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

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
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
