"""Marks: one artist each, or one and its label, bound by functions to what it shows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from perflab.lab.bound import Mark as Mark
from perflab.lab.bound import Of as Of
from perflab.lab.bound import Point as Point
from perflab.lab.palette import MEASURED, MEASURED_POINTS, MODEL, MODEL_HERE, PINNED_POINTS
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from perflab.lab.labels import At, Beside, Side


class Line(Mark):
    """A curve or points. Data: x and y, numbers or arrays of one shape.

    With `at`, its label stands on the chart instead of in the legend: above the line, or on another `side`, at this x or at
    its "end".
    """

    def __init__(self, label: str = "", *, at: At | None = None, side: Side = "above", **bound: Any) -> None:
        super().__init__(label, **bound)
        self._at, self._side = at, side

    def build(self, axes: Axes) -> Sequence[Artist]:
        self._beside: Beside | None = None
        if self._at is None:
            (self._line,) = axes.plot([], [], **self._style)
            return [self._line]
        from perflab.lab.labels import Beside

        name: str = self._style["label"]
        (self._line,) = axes.plot([], [], **{**self._style, "label": f"_{name}"})  # so that no legend names it too
        self._beside = Beside(axes, name, self._at, self._side, color=self._line.get_color())  # type: ignore[arg-type]
        return [self._line, self._beside]

    def draw(self, data: Any) -> None:
        x, y = ([], []) if data is None else data
        self._line.set_data(np.atleast_1d(x), np.atleast_1d(y))
        if self._beside is not None:
            self._beside.follow(x, y)


class Label(Mark):
    """A text beside a point. Data: x, y and the text."""

    def __init__(self, *, side: Side = "right", **bound: Any) -> None:
        super().__init__(**bound)
        self._side = side

    def build(self, axes: Axes) -> Sequence[Artist]:
        from perflab.lab.labels import Beside

        self._text = Beside(axes, "", "end", self._side, **self._style)
        return [self._text]

    def draw(self, data: Any) -> None:
        x, y, text = ([], [], "") if data is None else data
        self._text.follow(x, y, text)


class Here(Line):
    """The ring where the slider `x` stands on a curve of the model (x and y, read between its points; `log`: on log axes)."""

    def __init__(self, x: str, curve: Of, log: bool = False) -> None:
        super().__init__(model=curve, **MODEL_HERE)
        self._x, self._log = x, log

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        assert self._model is not None
        here, (x, y) = float(parameters[self._x]), self._model(model)
        if self._log:
            self.draw((here, np.exp(np.interp(np.log(here), np.log(x), np.log(y)))))
        else:
            self.draw((here, np.interp(here, x, y)))


class Rule(Mark):
    """A line right across. Data: one number; on the axis "x" it stands upright, on "y" it lies."""

    def __init__(self, axis: str, label: str = "", **bound: Any) -> None:
        super().__init__(label, **bound)
        self._axis = axis

    def build(self, axes: Axes) -> Sequence[Artist]:
        self._line = (axes.axvline if self._axis == "x" else axes.axhline)(np.nan, **self._style)
        return [self._line]

    def draw(self, data: Any) -> None:
        getattr(self._line, f"set_{self._axis}data")([np.nan if data is None else data] * 2)


class Band(Mark):
    """What lies between two numbers, right across. Data: low and high; on the axis "x" it stands upright, on "y" it lies."""

    def __init__(self, axis: str, label: str = "", **bound: Any) -> None:
        super().__init__(label, **bound)
        self._axis = axis

    def build(self, axes: Axes) -> Sequence[Artist]:
        self._patch = (axes.axvspan if self._axis == "x" else axes.axhspan)(np.nan, np.nan, **self._style)
        return [self._patch]

    def draw(self, data: Any) -> None:
        low, high = (np.nan, np.nan) if data is None else data
        start, length = ("x", "width") if self._axis == "x" else ("y", "height")
        getattr(self._patch, f"set_{start}")(low)
        getattr(self._patch, f"set_{length}")(high - low)


class Bars(Mark):
    """A bar at each of 1, 2, … `number`. Data: their heights, those of the first ones at least."""

    def __init__(self, number: int, label: str = "", **bound: Any) -> None:
        super().__init__(label, **bound)
        self._number = number

    def build(self, axes: Axes) -> Sequence[Artist]:
        bars = axes.bar(range(1, self._number + 1), np.zeros(self._number), **{"width": 0.7, **self._style})
        self._bars = list(bars)
        return self._bars

    def draw(self, data: Any) -> None:
        heights = np.zeros(self._number) if data is None else np.pad(data, (0, self._number - len(data)))
        for bar, height in zip(self._bars, heights, strict=True):
            bar.set_height(height)


class Whiskers(Mark):
    """Upright lines. Data: x, low and high, arrays of one shape."""

    def build(self, axes: Axes) -> Sequence[Artist]:
        self._lines = axes.vlines([], [], [], **{"color": MODEL, **self._style})  # its default is looked up later
        return [self._lines]

    def draw(self, data: Any) -> None:
        ends = [] if data is None else zip(*data, strict=True)
        self._lines.set_segments([[(x, low), (x, high)] for x, low, high in ends])


class Histogram(Mark):
    """Shares of all samples in logarithmic bins. Data: samples, and of how many they are a part; or samples alone."""

    def __init__(self, label: str, low: float, high: float, bins_per_decade: int = 12, **bound: Any) -> None:
        super().__init__(label, **bound)
        self._edges = np.geomspace(low, high, round(np.log10(high / low) * bins_per_decade) + 1)

    def build(self, axes: Axes) -> Sequence[Artist]:
        self._stairs = axes.stairs(np.zeros(self._edges.size - 1), self._edges, **self._style)
        return [self._stairs]

    def draw(self, data: Any) -> None:
        samples, whole = data if isinstance(data, tuple) else (() if data is None else data, None)
        inside = np.clip(samples, self._edges[0], self._edges[-1])
        self._stairs.set_data(np.histogram(inside, self._edges)[0] / max(1, inside.size if whole is None else whole))


class Note(Mark):
    """A text at a place on the axes, from (0, 0), lower left, to (1, 1). Data: the text."""

    def __init__(self, x: float, y: float, **bound: Any) -> None:
        super().__init__(**bound)
        self._at = x, y

    def build(self, axes: Axes) -> Sequence[Artist]:
        self._text = axes.text(*self._at, "", transform=axes.transAxes, **self._style)
        return [self._text]

    def draw(self, data: Any) -> None:
        self._text.set_text("" if data is None else data)


def before(point: Callable[[Record], Point], among: Collection[str] | None = None) -> Of:
    """For `runs=`: the points of the settings that were measured, the newest run of each.

    With `among`, of those that differ from the newest run in nothing but these controls. A run's point is computed once.
    """
    known: WeakKeyDictionary[Record, Point] = WeakKeyDictionary()

    def points(runs: Sequence[Record]) -> tuple[list[float], list[float]]:
        found: dict[tuple[Any, ...], Point] = {}
        for run in runs:
            if run.status != "running" and (among is None or _fixed(run, among) == _fixed(runs[-1], among)):
                if run not in known:
                    known[run] = point(run)
                found[tuple(sorted(run.parameters.items()))] = known[run]
        return [x for x, _ in found.values()], [y for _, y in found.values()]

    return points


def measured(
    point: Callable[[Record], tuple[Any, Any]],
    *,
    among: Collection[str] | None = (),
    label: str = "measured",
    pinned: str = "pinned run",
    earlier: str = "",
) -> tuple[Mark, ...]:
    """The point of a run, that of the pinned one, and small dots for runs before.

    Those of all settings with `among` None; of settings that differ only in these controls otherwise; none for ().
    """
    small: dict[str, Any] = {"color": MEASURED, "marker": "o", "linestyle": "none", "markersize": 5, "alpha": 0.6}
    trail = () if among == () else (Line(earlier, runs=before(point, among), **small),)
    return (*trail, Line(pinned, pinned=point, **PINNED_POINTS), Line(label, run=point, **MEASURED_POINTS))


def _fixed(run: Record, free: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in run.parameters.items() if name not in free}
