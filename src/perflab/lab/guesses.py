"""The prediction on the chart: where each choice of the question would lie, and then the one that was chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.bound import Mark, Point
from perflab.lab.palette import INK
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from perflab.lab.labels import Side

RING: dict[str, Any] = {
    "color": INK,
    "linestyle": "none",
    "marker": "o",
    "markersize": 15,
    "fillstyle": "none",
    "markeredgewidth": 1.8,
    "clip_on": False,
}
GAP_PT = 9.0
"""Between a ring's middle and its text."""
ASKED = "?"
"""In the place of an answer while none has been given."""


class Guesses(Mark):
    """An open ring for each choice, with its text; once one is chosen, that one alone ("you said 50 ms"); where the question was
    skipped, none.

    Data: x and y by choice. A choice beyond the axes stands at their edge, with an arrow. Bound to `setting`, they are on the
    chart from the start; bound to `pinned`, from when the first of the question's two settings has been measured.
    """

    def __init__(self, choices: int, *, side: Side = "right", **bound: Any) -> None:
        super().__init__(**bound)
        self._choices, self._side = choices, side
        self._places: Mapping[str, Point] = {}
        self._answer: str | None = ASKED

    def build(self, axes: Axes) -> Sequence[Artist]:
        from perflab.lab.labels import Beside

        self._axes = axes
        (self._rings,) = axes.plot([], [], **RING, zorder=4)
        self._rings.set_in_layout(False)  # it may stand beyond the axes, and before it is placed anywhere
        self._texts = [Beside(axes, "", "end", self._side, fontsize=11, gap_pt=GAP_PT) for _ in range(self._choices)]
        return [self._rings, *self._texts]

    def follows(self, what: str) -> bool:
        return what == "answer" or super().follows(what)

    def show_answer(self, answer: str | None) -> None:
        self._answer = answer
        self._show()

    def show_run(self, record: Record | None, runs: Sequence[Record]) -> None:
        super().show_run(record, runs)
        self._show()  # the axes may have grown

    def draw(self, data: Any) -> None:
        self._places = data or {}
        self._show()

    def _show(self) -> None:
        shown = {choice: place for choice, place in self._places.items() if self._answer in (ASKED, choice)}
        points = [self._within(*place) for place in shown.values()]
        self._rings.set_data([x for x, _, _ in points], [y for _, y, _ in points])
        for text, choice, (x, y, arrow) in zip(self._texts, shown, points, strict=False):
            said = choice if self._answer == ASKED else f"you said {choice}"
            text.follow(x, y, f"{said} {arrow}".strip())
        for text in self._texts[len(points) :]:
            text.follow([], [], "")

    def _within(self, x: float, y: float) -> tuple[float, float, str]:
        """The nearest place on the chart, and an arrow to where it should be."""
        found, arrow = [], ""
        for value, (low, high), (less, more) in (
            (x, self._axes.get_xlim(), "←→"),
            (y, self._axes.get_ylim(), "↓↑"),
        ):
            if low > high:  # an axis of named rows begins at the top
                low, high, less, more = high, low, more, less
            arrow = less if value < low else more if value > high else arrow
            found.append(float(np.clip(value, low, high)))
        return found[0], found[1], arrow


def times_the_first(choices: Mapping[str, float], x: float, value: Callable[[Record], float], **how: Any) -> Guesses:
    """Where each choice says how many times the first of two settings the second one gives, which lies at `x`."""

    def places(run: Record) -> dict[str, Point]:
        return {choice: (x, times * value(run)) for choice, times in choices.items()}

    return Guesses(len(choices), pinned=places, **how)
