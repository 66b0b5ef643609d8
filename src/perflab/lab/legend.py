"""The legend of a chart: a band below its axes that names the marks which are on the chart now, and no others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTER_IN, HANDLE_IN = 0.082, 0.62
"""Inches that a letter, and a handle with the space around it, take in a legend of 11 points."""
GAP = 0.02
"""Between what stands below the axes and the legend, as a share of the figure's height."""


class Legend:
    """Made once, with all names, so that the layout leaves room for them; after `settle` it names what is on the chart."""

    def __init__(self, axes: Axes, columns: int) -> None:
        self._axes = axes
        self._handles, labels = axes.get_legend_handles_labels()
        self._legend: Any = None
        if columns and labels:
            figure = axes.get_figure()
            assert figure is not None
            width_in = figure.bbox.width / figure.dpi
            fitting = next((most for most in range(columns, 1, -1) if _width(labels, most) <= width_in), 1)
            spaces = {"columnspacing": 1.2, "handletextpad": 0.5, "borderpad": 0, "borderaxespad": 0}
            self._legend = figure.legend(
                self._handles, labels, loc="outside lower left", ncols=fitting, frameon=False, **spaces
            )

    @property
    def names(self) -> tuple[str, ...]:
        """What is named now."""
        return (
            () if self._legend is None else tuple(text.get_text() for text in self._legend.texts if text.get_visible())
        )

    def settle(self) -> None:
        """The layout is made: begin below the axes' left end, or before it where names need more room, and be up to date."""
        if self._legend is None:
            return
        figure: Any = self._axes.get_figure()
        renderer = figure.canvas.get_renderer()
        self._show([True] * len(self._handles))
        free = figure.bbox.width - self._legend.get_window_extent(renderer).width
        below: Any = self._axes.xaxis.get_tightbbox(renderer)
        at = max(0, min(self._axes.bbox.x0, free)) / figure.bbox.width, below.y0 / figure.bbox.height - GAP
        self._legend.set_loc("upper left")
        self._legend.set_bbox_to_anchor(at, figure.transFigure)
        self.update()

    def update(self) -> None:
        """Name what is on the chart now. Nothing is made anew: it would look as the learner has set matplotlib."""
        if self._legend is not None:
            self._show([is_on_chart(handle) for handle in self._handles])

    def _show(self, there: Sequence[bool]) -> None:
        each = iter(there)
        *_, columns = self._legend.get_children()[0].get_children()
        for column in columns.get_children():
            for entry in column.get_children():
                shown = next(each)
                entry.set_visible(shown)
                entry.get_children()[1].get_children()[0].set_visible(shown)
            column.set_visible(any(entry.get_visible() for entry in column.get_children()))
        self._legend.set_visible(any(there))


def is_on_chart(artist: Any) -> bool:
    """Whether an artist, or one of a container of them, has anything to draw."""
    from matplotlib.collections import Collection
    from matplotlib.container import Container
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle, StepPatch

    if isinstance(artist, Container):
        return any(map(is_on_chart, artist))
    if isinstance(artist, Line2D):
        return bool(np.isfinite(artist.get_xydata()).all(axis=1).any())
    if isinstance(artist, Rectangle):
        return bool(abs(artist.get_width() * artist.get_height()) > 0)  # not NaN either
    if isinstance(artist, StepPatch):
        return bool(np.any(artist.get_data()[0]))
    if isinstance(artist, Collection):
        return len(artist.get_paths()) > 0
    return True


def _width(labels: list[str], columns: int) -> float:
    """Inches: entries fill column after column, as evenly as they can, and the longest of each column decides."""
    each, longer = divmod(len(labels), columns)
    ends = list(itertools.accumulate(each + (column < longer) for column in range(columns)))
    parts = [labels[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return sum(HANDLE_IN + LETTER_IN * max(map(len, part), default=0) for part in parts)
