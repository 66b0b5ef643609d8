"""The page is told what a screen reader needs, out of sight, and a saved lab does not carry it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import ipywidgets as widgets
import pytest

from perflab.lab.control_widgets import tree
from perflab.lab.page import LAB, SAID, SCRIPT, lab_box, read_out
from perflab.lab.still import bundle


@pytest.fixture
def box() -> Iterator[widgets.VBox]:
    made = lab_box([read_out(widgets.HTML("<p>The p99 is 12 ms.</p>"))])
    yield made
    for each in tree(made):
        each.close()


def test_a_lab_its_texts_and_what_the_page_runs_are_told_by_their_classes(box: widgets.VBox) -> None:
    text, hidden = box.children
    assert LAB in box._dom_classes and SAID in text._dom_classes
    assert f".{LAB}" in SCRIPT and f".{SAID}" in SCRIPT
    (script,) = re.findall(r'onerror="([^"]*)"', hidden.value)
    assert html.unescape(script) == SCRIPT


def test_a_saved_lab_holds_its_texts_and_nothing_that_runs(box: widgets.VBox) -> None:
    saved = bundle(box, "Why?", True)["text/html"]
    assert "12 ms" in saved
    assert "onerror" not in saved and "<style>" not in saved
