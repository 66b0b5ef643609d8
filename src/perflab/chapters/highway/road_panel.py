"""The picture of a road: each car where it is now, and below it where cars stood in the frames before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from perflab.chapters.highway.road_model import CELLS, KM
from perflab.lab import Axis, Chart, Record
from perflab.lab.marks import Line, Note, Rule
from perflab.lab.palette import ALARM, INK, MODEL, PINNED, THIRD

Places = tuple[Any, Any]
MIDDLE, LANE, TOP = 2.2, 0.9, 4.9
FRAMES, FRAME = 60, 0.045
SLOW, ANY_SPEED = 2, 99
CAR: dict[str, Any] = {"linestyle": "none", "markersize": 8}


def place(cell: Any, lane: Any, lanes: int) -> Places:
    """Where a car in this cell and lane is drawn."""
    return (cell + 0.5) * KM / CELLS, MIDDLE + (np.asarray(lane) - (lanes - 1) / 2) * LANE


def lanes_of(chosen: Mapping[str, Any]) -> int:
    """How many lanes this road has: a ring has one."""
    return int(chosen.get("lanes", 1))


def edges(chosen: Mapping[str, Any]) -> Places:
    """The lines between the lanes, with a gap after each."""
    lanes = lanes_of(chosen)
    number = lanes + 1
    _, y = place(0, np.arange(number) - 0.5, lanes)
    return np.tile([0, KM, np.nan], number), np.repeat(y, 3)


def cars(slowest: int, fastest: int) -> Callable[[Record], Places]:
    """Where cars of these speeds (cells per step) are now."""

    def places(run: Record) -> Places:
        newest = slice(run.column("speed").size - int(run.column("cars")[-1]), None)
        cell, lane, speed = (run.column(name)[newest] for name in ("position", "lane", "speed"))
        chosen = (slowest <= speed) & (speed <= fastest)
        return place(cell[chosen], lane[chosen], lanes_of(run.parameters))

    return places


def stood_before(run: Record) -> Places:
    """Where cars stood in the last frames, the newest on top: a jam is a dark band that drifts back."""
    frames = run.column("cars")[-FRAMES:]
    newest = slice(run.column("speed").size - int(frames.sum()), None)
    stood = run.column("speed")[newest] == 0
    age = np.repeat(np.arange(frames.size)[::-1], frames)[stood]
    x, _ = place(run.column("position")[newest][stood], 0, 1)
    return x, -0.2 - age * FRAME


def waiting(run: Record) -> str:
    """How many cars wait, where any do."""
    number = run.fact("waiting", 0)
    return f"{number} waiting at the entrance" if number else ""


def now_and_before(axis: Any) -> None:
    """Label the rows of the picture."""
    axis.set_ticks([MIDDLE, -FRAMES * FRAME / 2], labels=["now", "where cars\nstood before"])
    axis.set_tick_params(length=0)


def moving_road(title: str) -> Chart:
    """Each car where it is now, and where cars stood before."""
    return Chart(
        title,
        Axis("km from the entrance", -0.03, KM * 1.01),
        Axis("", -FRAMES * FRAME - 0.4, TOP, ticks=now_and_before, grid=False),
        Rule("y", setting=lambda _: 0.1, color=INK, linewidth=1),
        Line(setting=edges, color=PINNED, linewidth=1, dashes=(6, 6)),
        Line(run=stood_before, color=ALARM, marker="s", linestyle="none", markersize=2.5, alpha=0.7),
        Line("drives", run=cars(SLOW + 1, ANY_SPEED), color=MODEL, marker=">", **CAR),
        Line("is slow", run=cars(1, SLOW), color=THIRD, marker="D", **{**CAR, "markersize": 6}),
        Line("stands", run=cars(0, 0), color=ALARM, marker="s", **CAR),
        Note(0.032, 0.9875, run=waiting, va="top", color=INK, fontsize=12),
        width=1.5,
        columns=3,
        empty="Each car will appear here.",
    )
