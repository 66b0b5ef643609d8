"""One panel as pixels: what stands still is drawn once, what moves is drawn over it.

A `Figure` with an Agg canvas, no pyplot and no global state. A full draw happens only when limits, ticks or titles change.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from perflab.lab.palette import STYLE
from perflab.lab.panel import Panel
from perflab.lab.png import encode
from perflab.lab.record import Record

CSS_DPI = 100
CRISP = 2
DRAFT = 1
"""Pixels per CSS pixel: crisp on HiDPI screens when at rest; while a slider is dragged a quarter of the pixels, which
brings the next picture to the browser a third sooner (`make bench`, lag)."""


MAX_BACKGROUNDS = 4
"""Limits that were used last are kept ready, so that a slider which goes to and fro between two of them does not wait."""


def our_style() -> dict[str, Any]:
    """Matplotlib's defaults with our texts, whatever the learner has set: what concerns drawing, not where windows open."""
    others = (
        "backend",
        "interactive",
        "toolbar",
        "webagg",
        "tk.",
        "keymap",
        "animation",
        "savefig",
        "date.",
        "docstring",
    )
    drawing = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith(others)}
    return {**drawing, **STYLE}


class Picture:
    """Draws a panel of `width` × `height` CSS pixels when it is shown something or told to. Not thread-safe: the conductor's
    thread owns it.
    """

    def __init__(self, panel: Panel, width: int, height: int, deliver: Callable[[bytes], None]) -> None:
        self._panel = copy.deepcopy(panel)  # one description may be shown in several labs at once
        self._deliver = deliver
        self._backgrounds: dict[tuple[Any, ...], Any] = {}
        self._scale = CRISP
        with matplotlib.rc_context(our_style()):
            self._figure = Figure(figsize=(width / CSS_DPI, height / CSS_DPI), dpi=CSS_DPI * CRISP)
            self._canvas = FigureCanvasAgg(self._figure)
            self._axes = self._figure.add_subplot()
            self._axes.tick_params(
                which="both", labelsize=STYLE["xtick.labelsize"]
            )  # else it is looked up at each draw
            self._moving: list[Artist] = list(self._panel.build(self._axes))
            for artist in self._moving:
                artist.set_animated(True)
            self._figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.04)
            self._lay_out()

    def show_setting(self, parameters: Mapping[str, Any]) -> None:
        """Redraw with what is known beforehand, if the panel shows it."""
        if self._panel.follows("setting"):
            self._update(lambda: self._panel.show_setting(parameters))

    def show_model(self, parameters: Mapping[str, Any], model: Any, scale: int = DRAFT) -> None:
        """Redraw with a new model, if the panel shows one; as a draft, because the next one may follow at once."""
        if self._panel.follows("model"):
            self._update(lambda: self._panel.show_model(parameters, model), scale)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        """Redraw with what has been measured."""
        if self._panel.follows("run") or self._scale == DRAFT:
            self._update(lambda: self._panel.show_run(record, runs))

    def show_pinned(self, record: Record | None) -> None:
        """Redraw with the pinned run."""
        if self._panel.follows("pinned"):
            self._update(lambda: self._panel.show_pinned(record))

    def show_answer(self, answer: str | None) -> None:
        """Redraw with what was predicted, if the panel has places for it."""
        if self._panel.follows("answer"):
            self._update(lambda: self._panel.show_answer(answer))

    def _update(self, show: Callable[[], None], scale: int = CRISP) -> None:
        try:
            show()
        finally:  # a mark that raised shows nothing, all others are right
            self.draw(scale)

    def draw(self, scale: int = CRISP) -> None:
        """Draw and deliver a PNG with `scale` pixels per CSS pixel."""
        self._scale = scale
        self._figure.set_dpi(CSS_DPI * scale)
        self._draw()
        self._deliver(encode(np.asarray(self._canvas.buffer_rgba())))

    def close(self) -> None:
        """Let go of the pixels now: figure and artists refer to each other, and would keep them until a full collection."""
        self._backgrounds.clear()
        self._moving.clear()
        self._canvas.renderer = None
        self._figure.clear()

    def _lay_out(self) -> None:
        """Once: repeating it at each full draw would make the axes jump."""
        engine = self._figure.get_layout_engine()
        assert engine is not None
        engine.execute(self._figure)
        self._figure.set_layout_engine("none")
        self._panel.settle()

    @property
    def _frame(self) -> Bbox:
        return self._axes.get_position()

    def _stand(self, bottom: float, top: float) -> None:
        """The axes reach from here to there, as shares of the height."""
        self._axes.set_position((self._frame.x0, bottom, self._frame.width, top - bottom))
        self._backgrounds.clear()
        self._panel.settle()

    def _draw(self) -> None:
        key = (self._scale, *self._frame_key())
        background = self._backgrounds.pop(key, None)
        if background is None:
            self._canvas.draw()
            background = self._canvas.copy_from_bbox(self._figure.bbox)
            if len(self._backgrounds) >= MAX_BACKGROUNDS:
                del self._backgrounds[next(iter(self._backgrounds))]
        self._backgrounds[key] = background
        renderer = self._canvas.get_renderer()
        self._canvas.restore_region(background)
        for artist in sorted(self._moving, key=lambda artist: artist.get_zorder()):
            artist.draw(renderer)

    def _frame_key(self) -> tuple[Any, ...]:
        names = tuple(text.get_visible() for legend in self._figure.legends for text in legend.get_texts())
        return names, tuple(
            (
                *axes.get_xlim(),
                *axes.get_ylim(),
                axes.get_title(loc="left"),
                axes.get_xlabel(),
                axes.get_ylabel(),
            )
            for axes in self._figure.axes
        )


def align(pictures: Sequence[Picture]) -> None:
    """Draw pictures that stand side by side for the first time: their axes begin and end at the same height."""
    bottom = max((each._frame.y0 for each in pictures), default=0.0)
    top = min((each._frame.y1 for each in pictures), default=1.0)
    for picture in pictures:
        picture._stand(bottom, top)
        picture.draw()
