"""From the page that `make lab` opens to the first measured point."""

from __future__ import annotations

import re
from typing import Any

import pytest
from notebook_browser import KERNEL_IS_IDLE, PAGE_MS, SCREEN, NotebookPage

pytestmark = pytest.mark.process

FIRST = "00-start-here.ipynb"
MEASURED = re.compile(r"\d s left|(Done|Stopped) after")
TITLE_AND_LAB = 2
"""Cells from the top to the first lab. JupyterLab opens a notebook with its first cell selected, which is the title."""
RUN_MS = 120_000
IN_SIGHT = """e => {
  const [at, page] = [e.getBoundingClientRect(), document.querySelector('.jp-Notebook').getBoundingClientRect()];
  return at.top >= page.top && at.bottom <= page.bottom;
}"""


def ready(page: Any, address: str) -> NotebookPage:
    notebook = NotebookPage(page, address, FIRST)
    page.wait_for_function(KERNEL_IS_IDLE, timeout=PAGE_MS)
    return notebook


def first_answer(page: Any) -> Any:
    skip = page.get_by_role("button", name="skip", exact=True).first
    skip.wait_for(timeout=RUN_MS)
    return skip.locator("xpath=..").get_by_role("button").first


def in_sight(place: Any) -> bool:
    """Whether it is on the screen, and not below or above what the page shows of the notebook."""
    return bool(place.evaluate(IN_SIGHT))


def test_the_question_is_on_the_first_screen_one_chord_leads_from_the_title_to_its_lab_and_one_click_measures(
    page: Any, brief: str
) -> None:
    assert page.viewport_size == SCREEN
    notebook = ready(page, brief)
    question = page.locator(".jp-RenderedMarkdown p", has_text="How many times as long").first
    cell = page.locator(".jp-CodeCell", has_text="first_lab.lab()").first
    assert in_sight(question) and in_sight(cell)
    for _ in range(TITLE_AND_LAB):
        page.keyboard.press("Shift+Enter")
    answer = first_answer(page)
    assert in_sight(answer)
    answer.click()
    lab = page.locator(".perflab-lab").first
    lab.get_by_text(MEASURED).first.wait_for(timeout=RUN_MS)
    assert notebook.errors() == []


def test_the_labs_cell_needs_no_other_and_after_run_all_the_learner_stands_at_the_first_question(
    page: Any, brief: str
) -> None:
    notebook = ready(page, brief)
    page.locator(".jp-CodeCell", has_text="first_lab.lab()").first.click()
    page.keyboard.press("Control+Enter")
    first_answer(page)
    assert notebook.errors() == []
    notebook.run_all()
    answer = first_answer(page)
    page.wait_for_function("e => e === document.activeElement", arg=answer.element_handle(), timeout=RUN_MS)
    assert in_sight(answer)
