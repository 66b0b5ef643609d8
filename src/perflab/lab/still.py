"""What stands for a lab where its widgets do not live: in a saved notebook on GitHub or nbviewer, in a page made by nbconvert."""

from __future__ import annotations

import html
import secrets
from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets

NOT_MEASURED = "Run this cell in JupyterLab: the lab then measures on your machine."


class Still:
    """The texts and pictures of a lab as they were when it last came to rest, in an output of their own below its widgets.

    The widgets bring the style that hides them. In the widgets' own output they could not follow what is measured: each change
    would draw the widgets anew, and take the focus from whoever is at a slider.
    """

    def __init__(self, question: str) -> None:
        self._question = question
        self._name = f"perflab-still-{secrets.token_hex(8)}"
        self._shown: Any = None

    @property
    def styles(self) -> str:
        """What hides it, for the lab's own widgets. The second rule hides its margin too, in browsers that know it."""
        return f".{self._name} {{ display: none }}\n.jp-OutputArea-child:has(.{self._name}) {{ display: none }}\n"

    def show(self, widget: widgets.Widget, is_measured: bool) -> None:
        """The widgets, and below them what is kept."""
        from IPython.display import display

        display({**widget._repr_mimebundle_(), "text/plain": f"A lab: {self._question}", "text/html": ""}, raw=True)
        self._shown = display(self.bundle(widget, is_measured), raw=True, display_id=True)

    def keep(self, widget: widgets.Widget, is_measured: bool) -> None:
        """From now on a saved notebook has what the widgets show now; without effect where they are not shown."""
        if self._shown is not None:
            self._shown.update(self.bundle(widget, is_measured), raw=True)

    def bundle(self, widget: widgets.Widget, is_measured: bool) -> dict[str, str]:
        """What the widgets show, or the question where nothing is measured, by MIME type."""
        question = f"<p>{html.escape(self._question)}</p><p>{NOT_MEASURED}</p>"
        shown = "".join(_blocks(widget)) if is_measured else question
        return {"text/plain": self._question, "text/html": f'<div class="{self._name}">{shown}</div>'}


def _blocks(widget: widgets.Widget) -> Iterator[str]:
    """Its texts and pictures from top to bottom; what stands in a row stays in a row."""
    if widget.layout.display == "none":
        return
    if isinstance(widget, widgets.HTML) and widget.value:
        yield f'<div style="flex: {widget.layout.flex or "none"}">{widget.value}</div>'
    inside = [text for child in getattr(widget, "children", ()) for text in _blocks(child)]
    if inside and isinstance(widget, widgets.HBox):
        inside = ['<div style="display: flex; max-width: 1100px">', *inside, "</div>"]
    yield from inside
