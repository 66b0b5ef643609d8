"""A picture in the page with a text that stands for it, for those who do not see it.

`ipywidgets.Image` has no such text. It also shows nothing for a moment whenever its picture changes, because the browser decodes
it later; this one is decoded at once, and is not behind in speed.
"""

from __future__ import annotations

import base64
import html

import ipywidgets as widgets

NARROWEST_PX, ROW_PX = 340, 900
"""Pictures side by side that would be narrower, or than their share of such a row, stand below one another."""


class Image:
    """A PNG, `share` of its row wide (0 to 1), and the text that stands for it."""

    def __init__(self, share: float = 1.0, text: str = "") -> None:
        self.png, self._text = b"", text
        narrowest = min(NARROWEST_PX, round(ROW_PX * share))
        layout = widgets.Layout(flex=f"1 1 {96 * share:.1f}%", min_width=f"min({narrowest}px, 100%)", margin="0")
        self.widget = widgets.HTML(layout=layout)

    def show(self, png: bytes) -> None:
        """Another picture."""
        self.png = png
        self._write()

    def describe(self, text: str) -> None:
        """Another text."""
        if text != self._text:
            self._text = text
            self._write()

    def _write(self) -> None:
        source, style = base64.b64encode(self.png).decode(), "display:block; width:100%"
        text = html.escape(self._text)
        self.widget.value = f'<img alt="{text}" decoding="sync" style="{style}" src="data:image/png;base64,{source}">'


def told(title: str, said: str) -> str:
    """What stands for a picture: its title, where it has one, and what is said of it."""
    return ". ".join(filter(None, (title, said)))
