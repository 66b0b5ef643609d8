"""A panel: one set of axes that shows a model, a run, the runs before it and a pinned run. `picture` draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


class Panel:
    """The base of all panels. Artists are made once in `build` and only updated afterwards.

    Most panels are charts (`perflab.lab.chart`); a class of its own is for what marks cannot show.
    """

    title: str = ""
    width: float = 1.0
    """Share of the lab's width, relative to its other panels."""
    height: float = 1.0
    """Of the usual height; the tallest panel's holds for all that stand beside it."""

    def build(self, axes: Axes) -> Sequence[Artist]:
        """Make the artists on `axes`; returns those that will move. What is not returned is drawn once and kept."""
        raise NotImplementedError

    def settle(self) -> None:
        """The layout is made, with room for all that may be shown."""

    def show_setting(self, parameters: Mapping[str, Any]) -> None:
        """What the parameters alone tell, before anything is predicted or measured."""

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        """Theory for these parameters; called while a slider is dragged."""

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        """What has been measured so far; None empties the panel. `runs` are all of them, oldest first, this one the last."""

    def show_pinned(self, record: Record | None) -> None:
        """The run to compare with; None takes it away."""

    def show_answer(self, answer: str | None) -> None:
        """What the learner has predicted; None where the question was skipped."""

    def follows(self, what: str) -> bool:
        """Whether the panel shows anything of "setting", "model", "run", "pinned" or "answer"; else it is not redrawn for it."""
        return getattr(type(self), f"show_{what}") is not getattr(Panel, f"show_{what}")
