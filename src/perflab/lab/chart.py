"""A chart: two axes, and marks that are bound to the model, to a run, and to the runs before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from perflab.lab.legend import Legend
from perflab.lab.marks import Mark, Of
from perflab.lab.palette import INK, QUIET
from perflab.lab.panel import Panel
from perflab.lab.record import Record
from perflab.measure.frame import Frame

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

Ticks = Callable[[Any], None] | Sequence[float] | Mapping[float, str]


@dataclass(frozen=True)
class Axis:
    """What stands along an axis, and where it begins and ends, in the unit of its data.

    `ticks` are positions, positions with their texts, or a function that labels the matplotlib axis (`perflab.lab.axes`).
    With `ends` the axis grows from `high`: it ends at the first of them that holds `reach(model)`, and what
    `run_reach(record)` needs. Lines of a `grid` stand at the ticks of "y", or of "x" in a chart of named rows.
    """

    label: str
    low: float
    high: float
    log: bool = False
    ticks: Ticks | None = None
    ends: Sequence[float] = ()
    reach: Of | None = None
    run_reach: Of | None = None
    grid: bool | None = None

    def apply(self, axes: Axes, name: Literal["x", "y"]) -> None:
        """Set up the axis "x" or "y"."""
        scale, limits = "log" if self.log else "linear", (self.low, self.high)
        axes.set(**{f"{name}label": self.label, f"{name}scale": scale, f"{name}lim": limits})
        axis = getattr(axes, f"{name}axis")
        if callable(self.ticks):
            self.ticks(axis)
        elif isinstance(self.ticks, Mapping):
            axis.set_ticks(list(self.ticks), labels=list(self.ticks.values()))
        elif self.ticks is not None:
            axis.set_ticks(self.ticks)
        axis.minorticks_off()
        if self.grid is not None:
            axes.grid(visible=self.grid, axis=name)

    def fit_model(self, axes: Axes, name: str, model: Any) -> None:
        """Move the far end to where the model needs it."""
        if self.reach is not None:
            self._end_at(axes, name, self.reach(model))

    def fit_run(self, axes: Axes, name: str, record: Record) -> None:
        """Move the far end out where the run needs it."""
        if self.run_reach is not None:
            now = getattr(axes, f"get_{name}lim")()[1]
            self._end_at(axes, name, max(now, self.run_reach(record)))

    def _end_at(self, axes: Axes, name: str, wanted: float) -> None:
        if wanted == wanted:  # not NaN: without a number the axis stays as it is
            end = next((end for end in self.ends if end >= wanted), self.ends[-1])
            axes.set(**{f"{name}lim": (self.low, end)})


class ChartFailed(Exception):
    """A function of a mark raised. The message is for the person who wrote it; the cause has the traceback."""


class Chart(Panel):
    """A panel of marks, drawn in their order. `width` is its share of the lab's width, `height` that of the usual height.

    `columns` are its legend's (0: none).

    Until something is measured, `empty` stands in the title's place, in grey: what will appear ("Each request will appear
    here."). Such a chart shows its marks of `setting` from the start. The legend names only what is on the chart.
    """

    def __init__(
        self,
        title: str,
        x: Axis,
        y: Axis,
        *marks: Mark,
        width: float = 1.0,
        height: float = 1.0,
        columns: int = 3,
        empty: str = "",
    ) -> None:
        self.title, self.width, self.height, self.empty = title, width, height, empty
        self._x, self._y, self._marks, self._columns = x, y, marks, columns

    def plus(self, *marks: Mark) -> Chart:
        """The same chart with these marks, too, drawn last."""
        more = copy(self)
        more._marks = (*self._marks, *marks)
        return more

    def build(self, axes: Axes) -> Sequence[Artist]:
        self._axes, self._text = axes, axes.set_title(self.title)
        self._head(None)
        self._x.apply(axes, "x")
        self._y.apply(axes, "y")
        moving = [artist for mark in self._marks for artist in mark.build(axes)]
        self._legend = Legend(axes, self._columns)
        return moving

    def settle(self) -> None:
        self._legend.settle()

    def _head(self, run: Record | None) -> None:
        is_empty = run is None and bool(self.empty)
        self._text.set(text=self.empty if is_empty else self.title, color=QUIET if is_empty else INK)

    def follows(self, what: str) -> bool:
        if what == "run" and (self._x.run_reach or self._y.run_reach or self.empty):
            return True
        if what == "model" and (self._x.reach or self._y.reach):
            return True
        return (what != "setting" or bool(self.empty)) and any(mark.follows(what) for mark in self._marks)

    def show_setting(self, parameters: Mapping[str, Any]) -> None:
        self._update(*(_bind(mark, lambda mark: mark.show_setting(parameters)) for mark in self._marks))

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._update(
            lambda: self._x.fit_model(self._axes, "x", model),
            lambda: self._y.fit_model(self._axes, "y", model),
            *(_bind(mark, lambda mark: mark.show_model(parameters, model)) for mark in self._marks),
        )

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        run, runs = _begun(record), [run for run in runs if _begun(run)]
        self._head(run)
        fits: list[Callable[[], None]] = []
        if run is not None:
            fits = [lambda: self._x.fit_run(self._axes, "x", run), lambda: self._y.fit_run(self._axes, "y", run)]
        self._update(*fits, *(_bind(mark, lambda mark: mark.show_run(run, runs)) for mark in self._marks))

    def show_pinned(self, record: Record | None) -> None:
        run = _begun(record)
        self._update(*(_bind(mark, lambda mark: mark.show_pinned(run)) for mark in self._marks))

    def show_answer(self, answer: str | None) -> None:
        self._update(*(_bind(mark, lambda mark: mark.show_answer(answer)) for mark in self._marks))

    def _update(self, *updates: Callable[[], None]) -> None:
        """All of them, whichever raise: one mark that fails takes no other one along."""
        errors = list(_errors_of(updates))
        self._legend.update()
        if errors:
            raise ChartFailed(f"The chart {self.title!r} failed. {type(errors[0]).__name__}: {errors[0]}") from errors[
                0
            ]


def _begun(record: Record | None) -> Record | None:
    """The run, or None where it was stopped before its first slice: no function of a mark has to expect that."""
    frame = Frame() if record is None else record.frame
    return record if frame.samples or frame.counts or frame.facts else None


def _bind(mark: Mark, show: Callable[[Mark], None]) -> Callable[[], None]:
    def update() -> None:
        try:
            show(mark)
        except Exception:
            mark.clear()
            raise

    return update


def _errors_of(updates: Iterable[Callable[[], None]]) -> Iterable[Exception]:
    for update in updates:
        try:
            update()
        except Exception as error:
            yield error
