"""A lab brings styles to its page, and nothing that runs; a saved lab not even those."""

from __future__ import annotations

from collections.abc import Iterator

import ipywidgets as widgets
import pytest

from perflab.lab.control_widgets import tree
from perflab.lab.page import LAB, STYLES, lab_box, read_out
from perflab.lab.still import Still


@pytest.fixture
def box() -> Iterator[widgets.VBox]:
    made = lab_box([widgets.HTML(read_out("The p99 is 12 ms."))])
    yield made
    for each in tree(made):
        each.close()


def test_a_lab_has_the_class_of_its_styles_and_its_texts_are_live_regions(box: widgets.VBox) -> None:
    text, hidden = box.children
    assert LAB in box._dom_classes and f".{LAB} " in STYLES
    assert 'aria-live="polite"' in text.value
    assert hidden.value == f"<style>{STYLES}</style>" and hidden.layout.display == "none"


def test_a_saved_lab_holds_its_texts_and_no_styles(box: widgets.VBox) -> None:
    saved = Still("Why?").bundle(box, True)["text/html"]
    assert "12 ms" in saved
    assert "<style>" not in saved


def test_a_text_as_wide_as_the_lab_has_nothing_beside_it_that_pushes_its_end_out_of_sight() -> None:
    """A widget's margin comes on top of a width of 100%."""
    assert f".{LAB} .widget-html {{ margin: 2px 0 }}" in STYLES
