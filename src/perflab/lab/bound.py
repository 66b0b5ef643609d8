"""What all marks have in common: they are bound by functions to what they show.

A function gets the parameters (`setting`), the model, a run (`run`, `pinned`) or all runs (`runs`), and returns the mark's data;
without data (None, no run, or a run without samples) the mark is empty. Artists are made once and only updated, so that a
picture can blit them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

Of = Callable[[Any], Any]
Point = tuple[float, float]


class Mark:
    """The base of all marks. `label` is its name in the legend, `style` goes to matplotlib.

    `runs` gets the finished runs, oldest first, and after them the one in progress.
    """

    def __init__(
        self,
        label: str = "",
        *,
        setting: Of | None = None,
        model: Of | None = None,
        run: Of | None = None,
        runs: Of | None = None,
        pinned: Of | None = None,
        **style: Any,
    ) -> None:
        self._setting, self._model, self._run, self._runs, self._pinned = setting, model, run, runs, pinned
        self._style = {**style, "label": label} if label else style

    def build(self, axes: Axes) -> Sequence[Artist]:
        """Make the artists, empty."""
        raise NotImplementedError

    def draw(self, data: Any) -> None:
        """Show this; None shows nothing."""
        raise NotImplementedError

    def clear(self) -> None:
        """Show nothing."""
        self.draw(None)

    def follows(self, what: str) -> bool:
        """Whether it shows anything of "setting", "model", "run" or "pinned"."""
        bound = {
            "setting": (self._setting,),
            "model": (self._setting, self._model),
            "run": (self._run, self._runs),
            "pinned": (self._pinned,),
            "answer": (),
        }
        return any(each is not None for each in bound[what])

    def show_setting(self, parameters: Mapping[str, Any]) -> None:
        if self._setting is not None:
            self.draw(self._setting(parameters))

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self.show_setting(parameters)
        if self._model is not None:
            self.draw(self._model(model))

    def show_run(self, record: Record | None, runs: Sequence[Record]) -> None:
        if self._run is not None:
            self.draw(self._run(record) if record is not None and record.frame.samples else None)
        if self._runs is not None:
            self.draw(self._runs(runs) if runs else None)

    def show_pinned(self, record: Record | None) -> None:
        if self._pinned is not None:
            self.draw(self._pinned(record) if record is not None and record.frame.samples else None)

    def show_answer(self, answer: str | None) -> None:
        """What was predicted; None where the question was skipped."""
