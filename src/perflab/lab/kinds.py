"""Marks for runs of several kinds: each value of one control has a marker and a colour of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from perflab.lab.marks import Here, Line, Mark, Of, Point, before
from perflab.lab.palette import MEASURED, PINNED_POINTS
from perflab.lab.record import Record

Styles = Mapping[Any, tuple[str, str]]
"""Marker and colour of each value of the control."""


class HereOfKind(Here):
    """The ring on the model, as `Here`, in the shape of the chosen kind."""

    def __init__(self, x: str, curve: Of, control: str, styles: Styles) -> None:
        super().__init__(x, curve)
        self._control, self._styles = control, styles

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        super().show_model(parameters, model)
        marker, _ = self._styles[parameters[self._control]]
        self._line.set_marker(marker)


def measured_kinds(
    point: Callable[[Record], Point], control: str, styles: Styles, *, among: Collection[str], names_kinds: bool = True
) -> tuple[Mark, ...]:
    """A dot for each setting that differs from the newest run in these controls only, in the marker of its kind.

    The pinned run is drawn over them, and a ring around the newest run. The legend names the kinds, or else that ring.
    """

    def dots(kind: Any, marker: str, color: str) -> Mark:
        def of_kind(run: Record) -> Point:
            return point(run) if run.parameters[control] == kind else (np.nan, np.nan)

        name = str(kind) if names_kinds else ""
        return Line(name, runs=before(of_kind, among), marker=marker, color=color, linestyle="none", markersize=8)

    ring: dict[str, Any] = {"marker": "o", "markersize": 17, "fillstyle": "none", "markeredgewidth": 2}
    return (
        *(dots(kind, *style) for kind, style in styles.items()),
        Line("pinned run", pinned=point, **PINNED_POINTS),
        Line("" if names_kinds else "this run", run=point, color=MEASURED, linestyle="none", **ring),
    )
