"""Where the widgets of a lab do not live, its texts and pictures stand for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets
import pytest

from perflab.lab.control_widgets import tree
from perflab.lab.still import NOT_MEASURED, bundle

PICTURE = '<img alt="The p99 is 12 ms" src="data:image/png;base64,AAAA">'
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def shown() -> Iterator[widgets.VBox]:
    pictures = widgets.HBox([widgets.HTML(PICTURE, layout=widgets.Layout(flex="1 1 60%")), widgets.HTML("")])
    hidden = widgets.VBox([widgets.HTML("not shown")], layout=widgets.Layout(display="none"))
    made = widgets.VBox([widgets.HTML("<h3>The p99 is 12 ms</h3>"), widgets.Label("Done"), pictures, hidden])
    yield made
    for each in tree(made):
        each.close()


def page_of(data: dict[str, Any]) -> str:
    """As nbconvert makes it from a notebook without the state of its widgets."""
    import nbformat  # takes 2 s: not while tests are collected
    from nbconvert import HTMLExporter

    output = nbformat.v4.new_output("display_data", data=data)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("lab()", outputs=[output])])
    page: str = HTMLExporter().from_notebook_node(notebook)[0]
    return page


@pytest.mark.long
def test_a_measured_lab_is_its_texts_and_pictures_in_their_order(shown: widgets.VBox) -> None:
    data = bundle(shown, "How slow is the slowest?", True)
    text = data["text/html"]
    assert text.index("<h3>") < text.index(PICTURE) and "flex: 1 1 60%" in text
    assert "not shown" not in text and "Done" not in text
    assert WIDGET_VIEW in data and data["text/plain"] == "A lab: How slow is the slowest?"
    page = page_of(data)
    assert PICTURE.rstrip(">") in page and "VBox(" not in page


def test_before_that_it_is_its_question_and_what_to_do(shown: widgets.VBox) -> None:
    data = bundle(shown, "a < b?", False)
    assert data["text/html"] == f"<p>a &lt; b?</p><p>{NOT_MEASURED}</p>"
    assert NOT_MEASURED in page_of(data)
