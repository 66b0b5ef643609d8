"""Charts of rows: an axis that names them, and marks that lie in the rows y = 0, 1, 2, …, counted from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab.chart import Axis
from perflab.lab.marks import Band, Mark
from perflab.lab.palette import GRID
from perflab.measure.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

Numbers = Sequence[float] | NDArray[Any]


def named_rows(names: Sequence[str]) -> Axis:
    """The axis "y" of a chart with a row for each name."""

    def ticks(axis: Any) -> None:
        axis.set_ticks(range(len(names)), labels=names)
        axis.axes.grid(visible=True, axis="x")

    return Axis("", len(names) - 0.5, -0.5, ticks=ticks, grid=False)


def chosen_row(names: Sequence[str], control: str) -> Mark:
    """A band in the row of the name that this control has."""
    return Band("y", setting=lambda now: names.index(now[control]) + np.array([-0.4, 0.4]), color=GRID, alpha=0.5)


def values_in(names: Sequence[str], estimates: Mapping[str, Estimate]) -> tuple[Numbers, Numbers]:
    """Data of a `Line`: the value of each estimate, in the row of its name."""
    rows = [row for row, name in enumerate(names) if name in estimates]
    return [estimates[names[row]].value for row in rows], rows


def intervals_in(names: Sequence[str], estimates: Mapping[str, Estimate]) -> tuple[Numbers, Numbers]:
    """Data of a `Line`: a stroke from end to end of each estimate's interval that is known, in the row of its name."""
    rows = [row for row, name in enumerate(names) if name in estimates and estimates[name].has_interval]
    found = [estimates[names[row]] for row in rows]
    return strokes([each.low for each in found], [each.high for each in found], rows)


def strokes(begins: Numbers, ends: Numbers, heights: Numbers) -> tuple[Numbers, Numbers]:
    """Data of a `Line`: separate strokes from left to right."""
    x = [each for begin, end in zip(begins, ends, strict=True) for each in (begin, end, np.nan)]
    return x, np.repeat(heights, 3)


def in_turn(lengths: Numbers) -> tuple[NDArray[Any], NDArray[Any]]:
    """Data of `Spans`: bars of these lengths, each beginning where the one before ends."""
    ends = np.cumsum(lengths)
    return np.concatenate([[0.0], ends[:-1]]), ends


class Spans(Mark):
    """Bars from left to right, one in each of `rows`. Data: their begins and ends; NaN where there is none.

    `each` is the style of each bar where these differ, and may hold a label of its own.
    """

    def __init__(
        self, rows: Sequence[float], label: str = "", *, each: Sequence[Mapping[str, Any]] = (), **bound: Any
    ) -> None:
        super().__init__(**bound)
        self._rows, self._each = rows, each or ({"label": label}, *({} for _ in rows[1:]))

    def build(self, axes: Axes) -> Sequence[Artist]:
        self._bars = []
        for row, own in zip(self._rows, self._each, strict=True):
            style = {"height": 0.6, **self._style, **own}
            label = style.pop("label", "")
            (bar,) = axes.barh(row, np.nan, left=np.nan, **style)
            # Not to `barh`: a legend would put what it labels behind all lines.
            bar.set_label(label)
            self._bars.append(bar)
        return self._bars

    def draw(self, data: Any) -> None:
        begins, ends = np.full((2, len(self._bars)), np.nan) if data is None else data
        for bar, begin, end in zip(self._bars, begins, ends, strict=True):
            bar.set_x(min(begin, end))
            bar.set_width(abs(end - begin))


class Texts(Mark):
    """A text at the right end of each of so many rows, or at `x` of 0 to 1, and so much of a row `above` it. Data: the texts."""

    def __init__(self, rows: int, x: float = 0.99, above: float = 0.0, **bound: Any) -> None:
        super().__init__(**{"fontsize": 11, **bound})
        self._rows, self._x, self._above = rows, x, above

    def build(self, axes: Axes) -> Sequence[Artist]:
        style = {"va": "center", "ha": "right", "transform": axes.get_yaxis_transform(), **self._style}
        self._texts = [axes.text(self._x, row - self._above, "", **style) for row in range(self._rows)]
        return self._texts

    def draw(self, data: Any) -> None:
        for artist, text in zip(self._texts, data or [""] * self._rows, strict=True):
            artist.set_text(text)
