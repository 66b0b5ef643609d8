"""What stands for a lab where its widgets do not live: in a saved notebook on GitHub or nbviewer, in a page made by nbconvert."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets

NOT_MEASURED = "Run this cell in JupyterLab: the lab then measures on your machine."


def bundle(widget: widgets.Widget, question: str, is_measured: bool) -> dict[str, Any]:
    """The widget for front ends that have it; for others what it shows now, or the question where nothing is measured."""
    shown = "".join(_blocks(widget)) if is_measured else f"<p>{html.escape(question)}</p><p>{NOT_MEASURED}</p>"
    return {**widget._repr_mimebundle_(), "text/plain": f"A lab: {question}", "text/html": shown}


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
