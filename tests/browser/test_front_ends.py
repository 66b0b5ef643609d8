"""Notebook 02 where it is not JupyterLab that shows it: in Voilà, and in Notebook 7."""

from __future__ import annotations

import importlib.util
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from complaints import complaints_of, serious
from notebook_browser import BUSY, FINISHED, PAGE_MS, page_of, wait_for
from voila_server import CULLED, voila_server

pytestmark = pytest.mark.process

NAME, LABS = "02-measuring-latency.ipynb", 4
FROM_THE_BUFFER = '"stream.stderr" is not valid JSON'
"""What Jupyter Server (2.21, `replay` in `channels.py`) hands on to a page that has connected anew: it leaves ZeroMQ's topic
before the message, here of a line of the kernel's stderr. No message of a lab is a stream.
"""
RUN_MS, GONE_S = 120_000, 60.0
NARROW = {"width": 390, "height": 844}


def needs(package: str) -> Any:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed: pip install {package}")


def use_the_first_lab(page: Any) -> None:
    """Click on a prediction, then move a slider with the mouse: each brings a run."""
    skips = page.get_by_role("button", name="skip", exact=True)
    skips.nth(LABS - 1).wait_for(timeout=RUN_MS)
    assert skips.count() == LABS
    lab = page.locator(".perflab-lab").first
    lab.get_by_role("button").first.click()
    lab.get_by_text(FINISHED).wait_for(timeout=RUN_MS)
    slider = lab.locator(".widget-slider").first
    before, pictures = slider.inner_text(), lab.locator("img").evaluate_all(SOURCES)
    slider.locator(".noUi-handle").hover()
    page.mouse.down()
    line = slider.locator(".noUi-base").bounding_box()
    page.mouse.move(line["x"] + 0.3 * line["width"], line["y"] + line["height"] / 2, steps=5)
    page.mouse.up()
    wait_for(lambda: slider.inner_text() != before, RUN_MS / 1000, "the slider's value")
    wait_for(lambda: lab.locator("img").evaluate_all(SOURCES) != pictures, RUN_MS / 1000, "a picture")
    wait_for(lambda: FINISHED.search(lab.inner_text()), RUN_MS / 1000, "the end of its run")


SOURCES = "images => images.map(image => image.src)"


@pytest.fixture(scope="module")
def voila(notebooks: Path) -> Iterator[tuple[str, psutil.Process]]:
    with voila_server(notebooks, *CULLED, PERFLAB_BUDGET_S="0.3") as (address, process):
        yield address, psutil.Process(process.pid)


@needs("voila")
def test_voila_shows_all_labs_says_where_exercises_are_done_and_leaves_nothing_behind(
    browser: Any, voila: tuple[str, psutil.Process]
) -> None:
    address, server = voila
    with page_of(browser, viewport=NARROW) as page:
        complaints = complaints_of(page)
        page.goto(f"{address}voila/render/{NAME}", timeout=PAGE_MS)
        use_the_first_lab(page)
        assert page.get_by_text("To do in JupyterLab, where cells can be edited.").count() >= 4
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), "as narrow as a phone"
        kernels = server.children(recursive=True)
        assert any("perflab.lab.worker" in process.cmdline() for process in kernels)
    _, alive = psutil.wait_procs(kernels, GONE_S)
    assert alive == [], "the tab is closed"
    assert serious(complaints, FROM_THE_BUFFER) == []


@needs("notebook")
def test_notebook_7_shows_all_labs(browser: Any, brief: str) -> None:
    url, token = brief.split("|")
    with page_of(browser) as page, kernels_ended(url, token):
        complaints = complaints_of(page)
        page.goto(f"{url}notebooks/{NAME}?token={token}")
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=PAGE_MS)
        for item in ("Run", "Run All Cells"):
            page.wait_for_timeout(500)  # a menu that has just come up takes no click yet
            complaints.clear()  # of Notebook 7 about itself, as it opens: they come with an empty notebook too
            page.get_by_role("menuitem", name=item, exact=True).click()
        use_the_first_lab(page)
        page.wait_for_function(f"() => !({BUSY})()", timeout=RUN_MS)
        assert page.get_by_text("Not done yet.").count() >= 4
    assert serious(complaints, FROM_THE_BUFFER) == []


@contextmanager
def kernels_ended(url: str, token: str) -> Iterator[None]:
    """Those of a server that other tests use too, however a test ends."""
    try:
        yield
    finally:
        for kernel in json.loads(asked(url, token, "GET")):
            asked(url, token, "DELETE", kernel["id"])


def asked(url: str, token: str, method: str, kernel: str = "") -> bytes:
    address = f"{url}api/kernels/{kernel}".rstrip("/")
    request = urllib.request.Request(address, headers={"Authorization": f"token {token}"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        said: bytes = response.read()
    return said
