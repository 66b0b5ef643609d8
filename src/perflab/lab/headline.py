"""The headline of a lab: its question until a run has found something, then what it found; and, in grey, what was done."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import ipywidgets as widgets

from perflab.lab.control_widgets import full_width
from perflab.lab.display import Words
from perflab.lab.page import read_out

if TYPE_CHECKING:
    from perflab.lab.spec import LabSpec

LEVEL = 3
"""As a notebook's `### Measure`; in 00 labs stand below a `##`. No level is left out."""
LARGE_PX, LONG_PX, LETTERS = 19, 16, 105
"""Size of the large text; and where it has more letters than one line of 1280 pixels holds."""
LARGE = "margin:0; font-size:{size}px; font-weight:bold; line-height:1.3"
SMALL = "margin:2px 0 4px; font-size:13px; line-height:1.3; color:var(--jp-ui-font-color2, #5f6368)"


class Headline:
    """A line of large text, and one of small text below it; both are read out when they change."""

    def __init__(self, lab: LabSpec) -> None:
        self._lab = lab
        self.widget = widgets.HTML(layout=full_width())
        self.show(Words())

    def show(self, words: Words) -> None:
        """What the words say; the question, and what will be done, where they say nothing."""
        asked, scenario = self._lab.prediction, self._lab.scenario
        question = self._lab.question if asked is None else asked.question
        small = words.scenario or ("" if scenario is None else scenario(self._lab.first))
        large = words.headline or question
        style = LARGE.format(size=LARGE_PX if len(large) <= LETTERS else LONG_PX)
        lines = f'<h{LEVEL} style="{style}">{html.escape(large)}</h{LEVEL}>'
        if small:
            lines += f'<p style="{SMALL}">{html.escape(small)}</p>'
        self.widget.value = read_out(lines)
