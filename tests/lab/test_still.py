"""Where the widgets of a lab do not live, its texts and pictures stand for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import ipywidgets as widgets
import pytest

from perflab.lab.control_widgets import tree
from perflab.lab.still import NOT_MEASURED, Still

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


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a cell has put out; what is shown with an identifier can be replaced."""
    found: list[dict[str, Any]] = []

    def display(data: dict[str, Any], raw: bool, display_id: bool = False) -> Any:
        assert raw
        found.append(data)
        place = len(found) - 1
        return SimpleNamespace(update=lambda data, raw: found.__setitem__(place, data)) if display_id else None

    monkeypatch.setattr("IPython.display.display", display)
    return found


def page_of(*shown: dict[str, Any]) -> str:
    """As nbconvert makes it from a notebook without the state of its widgets."""
    import nbformat  # takes 2 s: not while tests are collected
    from nbconvert import HTMLExporter

    outputs = [nbformat.v4.new_output("display_data", data=data) for data in shown]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("lab()", outputs=outputs)])
    page: str = HTMLExporter().from_notebook_node(notebook)[0]
    return page


@pytest.mark.long
def test_a_measured_lab_is_its_texts_and_pictures_in_their_order(shown: widgets.VBox) -> None:
    data = Still("How slow is the slowest?").bundle(shown, True)
    text = data["text/html"]
    assert text.index("<h3>") < text.index(PICTURE) and "flex: 1 1 60%" in text
    assert "not shown" not in text and "Done" not in text
    assert data["text/plain"] == "How slow is the slowest?"


def test_before_that_it_is_its_question_and_what_to_do(shown: widgets.VBox) -> None:
    data = Still("a < b?").bundle(shown, False)
    assert f"<p>a &lt; b?</p><p>{NOT_MEASURED}</p>" in data["text/html"]
    assert NOT_MEASURED in page_of(data)


@pytest.mark.long
def test_a_saved_notebook_follows_what_is_measured_and_the_widgets_are_drawn_once(
    shown: widgets.VBox, outputs: list[dict[str, Any]]
) -> None:
    still = Still("How slow?")
    still.show(shown, False)
    live, before = outputs
    assert WIDGET_VIEW in live and WIDGET_VIEW not in before
    assert NOT_MEASURED in page_of(live, before)
    still.keep(shown, True)
    assert outputs[0] is live, "only what is kept is shown anew"
    page = page_of(*outputs)
    assert PICTURE.rstrip(">") in page and "VBox(" not in page and NOT_MEASURED not in page


def test_the_widgets_of_a_lab_hide_its_own_still_and_no_other(shown: widgets.VBox) -> None:
    first, second = Still("?"), Still("?")
    (name,) = re.findall(r'class="(perflab-still-\w+)"', first.bundle(shown, True)["text/html"])
    assert f".{name} {{ display: none }}" in first.styles and name not in second.styles


def test_what_is_not_shown_keeps_nothing(shown: widgets.VBox) -> None:
    Still("?").keep(shown, True)
