"""The chart of a run in slow motion: the dots of a `Scene`, and below them the numbers over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.chart import Axis, Chart
from perflab.lab.marks import Label, Line, Mark, Note, Rule
from perflab.lab.moments import ASIDE, AT_WORK, FAILED, IN_LINE, NEEDLESS, OPEN, REJECTED, SENT, SERVED
from perflab.lab.palette import ALARM, CLOCK, GRID, INK, MEASURED, PINNED, QUIET
from perflab.lab.scene import FLOOR, LEAVES, LINE_BEGINS, RIGHT, SENT_ENDS, SHARES, STRIP, WORK, Film, Scene
from perflab.measure.units import count

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

TITLE = "Each dot is a request of this run, where its recorded moments put it"
TOP, BOTTOM, HEADS = 11.6, 0.2, 10.8
TICKS, LOST = 8, 80.0
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


class Caption(Mark):
    """A text that never changes: drawn once and kept, because to draw letters takes long."""

    def __init__(self, x: float, y: float, text: str, color: str, **style: Any) -> None:
        super().__init__(color=color, **{"fontsize": 12, **style})
        self._what = x, y, text

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.text(*self._what, **self._style)
        return []

    def clear(self) -> None:
        """There is nothing that could have changed."""


def replay_chart(film: Film) -> Chart:
    """Shows each `Scene` of the film that it is given as its model."""
    return Chart(
        TITLE,
        Axis("time of the run (s)", 0, RIGHT, ticks=_times(film)),
        Axis("", -BOTTOM, TOP, ticks={0: "0", STRIP: count(film.most)}, grid=False),
        *_backdrop(film),
        Rule("x", model=lambda scene: film.along(scene.at_s), color=QUIET, ymax=(STRIP + 0.3) / TOP, linewidth=1.5),
        *_heads(film),
        *_legend(film),
        Line(model=dots(OPEN), color=PINNED, **HOLLOW),
        Line(model=dots(NEEDLESS, ASIDE), color=PINNED, **{**DOT, "marker": "x"}),
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
        Backdrop(*film.strip(film.in_line, film.told_until_s), color=CLOCK, linewidth=1.2, drawstyle="steps-post"),
    ]


def _heads(film: Film) -> list[Mark]:
    """The names of the places, behind how many are there."""
    workers = film.moments.workers * film.moments.servers
    return [
        *_head(0, "sent", lambda scene: count(scene.number(SENT))),
        *_head(LINE_BEGINS, "in line", _known(IN_LINE)),
        *_head(WORK[0], f"of {count(workers)} at work", _known(AT_WORK)),
        *_head(LEAVES[0], "served", lambda scene: count(scene.gone(SERVED))),
    ]


def _head(x: float, name: str, text: Callable[[Scene], str]) -> list[Mark]:
    return [_number(x + 4, HEADS, text, ha="right"), Caption(x + 4.6, HEADS, name, INK)]


def _known(state: int) -> Callable[[Scene], str]:
    return lambda scene: f"{'' if scene.is_all_told else '≥ '}{count(scene.number(state))}"


def _number(x: float, y: float, text: Callable[[Scene], str], **style: Any) -> Note:
    return Note(x / RIGHT, (y + BOTTOM) / (TOP + BOTTOM), model=text, color=INK, fontsize=12, **style)


def _legend(film: Film) -> list[Mark]:
    """What the lines of the strip are, and those dots that occur beside the served requests."""
    became, below = set(film.moments.became.tolist()), FLOOR - 0.3
    marks: list[Mark] = [
        Caption(0.3, STRIP + 0.2, "requests inside", MEASURED),
        Caption(
            SENT_ENDS,
            STRIP + 0.2,
            "in line" if film.told_until_s == film.last_s else "in line, as long as the server has told of all",
            CLOCK,
        ),
    ]
    if OPEN in became:
        is_untold = np.isnan(film.moments.queued_s[film.moments.became == OPEN]).any()
        said = "○ no answer in this run" + ", so no record of where it was" * bool(is_untold)
        marks.append(Caption(0, below, said, QUIET))
    if NEEDLESS in became:
        marks.append(Caption(LINE_BEGINS + 24, below, "× its client had given up", QUIET))
    if ASIDE in became:
        marks.append(Caption(LINE_BEGINS + 24, below, "× work that no client waits for", QUIET))
    lost = {name: each for name, each in {"rejected": REJECTED, "failed": FAILED}.items() if each in became}
    if lost:
        numbers = _number(LOST, below, lambda scene: ", ".join(count(scene.gone(each)) for each in lost.values()))
        marks += [Caption(LOST - 0.8, below, f"✖ {', '.join(lost)}:", INK, ha="right"), numbers]
    return marks


def _marked(share: float) -> list[Mark]:
    name = f"p{100 * share:g}"

    def named(scene: Scene) -> Any:
        point = scene.marked(share)
        return None if point is None else (*point, name)

    return [Line(model=lambda scene: scene.marked(share), **RING), Label(model=named, side="above")]
