"""The chart of a run in slow motion: the dots of a `Scene`, and below them the numbers over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.chart import Axis, Chart
from perflab.lab.marks import Label, Line, Mark, Note, Rule
from perflab.lab.moments import AT_WORK, FAILED, IN_LINE, NEEDLESS, OPEN, REJECTED, SENT, SERVED
from perflab.lab.palette import ALARM, CLOCK, GRID, INK, MEASURED, PINNED, QUIET
from perflab.lab.scene import FLOOR, LEAVES, LINE_BEGINS, RIGHT, SENT_ENDS, SHARES, STRIP, WORK, Film, Scene
from perflab.measure.units import count

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

TITLE = "Each dot is a request of this run, where its recorded moments put it"
TOP, BOTTOM, HEADS = 11.6, 0.2, 10.8
TICKS = 8
DOT: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 6}
HOLLOW: dict[str, Any] = {**DOT, "fillstyle": "none", "markeredgewidth": 1.3}
RING: dict[str, Any] = {**HOLLOW, "color": INK, "markersize": 12, "markeredgewidth": 2}


class Backdrop(Mark):
    """A line that never moves: drawn once and kept."""

    def __init__(self, x: Any, y: Any, **style: Any) -> None:
        super().__init__(**style)
        self._points = x, y

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.plot(*self._points, **self._style)
        return []


def replay_chart(film: Film) -> Chart:
    """Shows each `Scene` of the film that it is given as its model."""
    most = int(film.inside[1].max())
    return Chart(
        TITLE,
        Axis("time of the run (s)", 0, RIGHT, ticks=_times(film)),
        Axis("", -BOTTOM, TOP, ticks={0: "0", STRIP: count(most)} if most else {0: "0"}, grid=False),
        *_backdrop(film),
        Rule("x", model=lambda scene: film.along(scene.at_s), color=QUIET, ymax=(STRIP + 0.3) / TOP, linewidth=1.5),
        *_heads(film),
        *_legend(film),
        Line(model=dots(OPEN), color=PINNED, **HOLLOW),
        Line(model=dots(NEEDLESS), color=PINNED, **{**DOT, "marker": "x"}),
        Line(model=dots(SERVED), color=MEASURED, **DOT),
        Line(model=dots(REJECTED, FAILED), color=ALARM, **{**DOT, "marker": "X"}),
        *(mark for share in SHARES for mark in _marked(share)),
        columns=0,
    )


def dots(*became: int) -> Callable[[Scene], Any]:
    """The dots of which this became."""
    return lambda scene: scene.dots(*became)


def _times(film: Film) -> dict[float, str]:
    times = np.linspace(film.first_s, film.last_s, TICKS + 1)
    return {float(film.along(moment)): f"{moment:.2f}" for moment in times}


def _backdrop(film: Film) -> list[Mark]:
    """The workers' places, and the numbers over time."""
    moments = film.moments
    servers, places = np.divmod(np.arange(moments.servers * film.workers), film.workers)
    x, y = film.at_worker(places, servers)
    gap = np.full(x.size, np.nan)
    from_to = np.ravel([x + 0.08 * film.place_width, x + 0.92 * film.place_width, gap], "F")
    return [
        Backdrop(from_to, np.ravel([y, y, gap], "F"), color=GRID, linewidth=8, solid_capstyle="butt"),
        Backdrop([0, RIGHT], [0, 0], color=GRID, linewidth=1),
        Backdrop(*film.strip(film.inside), color=MEASURED, linewidth=1.2, drawstyle="steps-post"),
        Backdrop(*film.strip(film.in_line), color=CLOCK, linewidth=1.2, drawstyle="steps-post"),
    ]


def _note(x: float, y: float, text: Callable[[Scene], str], color: str = INK, **style: Any) -> Note:
    return Note(x / RIGHT, (y + BOTTOM) / (TOP + BOTTOM), model=text, color=color, **{"fontsize": 12, **style})


def _heads(film: Film) -> list[Mark]:
    """The names of the places, with how many are there."""
    workers = film.moments.workers * film.moments.servers
    return [
        _note(0, HEADS, lambda scene: f"sent: {count(scene.number(SENT))}"),
        _note(LINE_BEGINS, HEADS, lambda scene: f"in line: {count(scene.number(IN_LINE))}"),
        _note(WORK[0], HEADS, lambda scene: f"at work: {count(scene.number(AT_WORK))} of {count(workers)}"),
        _note(LEAVES[0], HEADS, lambda scene: f"served: {count(scene.gone(SERVED))}"),
    ]


def _legend(film: Film) -> list[Mark]:
    """What the lines of the strip are, and those dots that occur beside the served requests."""
    became = set(film.moments.became.tolist())
    notes: list[Mark] = [
        _note(0.3, STRIP + 0.2, lambda _: "requests inside", MEASURED, fontsize=11),
        _note(SENT_ENDS, STRIP + 0.2, lambda _: "in line, of those answered", CLOCK, fontsize=11),
    ]
    if OPEN in became:
        notes.append(_note(0, FLOOR, lambda _: "○ no answer in this run", QUIET, fontsize=11))
    if NEEDLESS in became:
        notes.append(_note(LINE_BEGINS, FLOOR, lambda _: "× its client had given up", QUIET, fontsize=11))
    if REJECTED in became:
        notes.append(_note(LEAVES[0], FLOOR + 0.35, lambda scene: f"rejected: {count(scene.gone(REJECTED))}"))
    if FAILED in became:
        notes.append(_note(LEAVES[0], FLOOR - 0.95, lambda scene: f"failed: {count(scene.gone(FAILED))}"))
    return notes


def _marked(share: float) -> list[Mark]:
    name = f"p{100 * share:g}"

    def named(scene: Scene) -> Any:
        point = scene.marked(share)
        return None if point is None else (*point, name)

    return [Line(model=lambda scene: scene.marked(share), **RING), Label(model=named, side="above")]
