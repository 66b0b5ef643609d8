"""The notebooks as a learner meets them: JupyterLab in a browser, keyboard, mouse and screen reader."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import psutil
import pytest
from accessibility import axe_core, violations
from complaints import serious
from notebook_browser import FINISHED, MEASURE, REPOSITORY, NotebookPage, wait_for

NOTEBOOKS = sorted(path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
RUN_S, GONE_S = 120, 30
"""Patience, not a promise: the machine may have other things to do."""
PICTURES = (
    "e => [...e.closest('.jp-OutputArea-output').querySelectorAll('img')].map(each => each.src.slice(-64)).join()"
)
"""The end of each picture has its checksums: the whole of it would be a megabyte, many times a second."""
STATUS = "e => e.closest('.jp-OutputArea-output').innerText"
WORDS = "e => [...e.closest('.jp-OutputArea-output').querySelectorAll('.widget-html')].map(e => e.innerText).join()"
SAVED = """() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells.flatMap(cell => cell.outputs || [])
    .map(output => (output.data || {})['text/html'] || '').find(html => html.length > 0)"""
BROKEN = re.compile(r"This run failed.*|The measuring process .* was replaced.*|The model failed.*|took too long.*")
MEASURING = re.compile(r"\d s left")
MOMENT = re.compile(r"([\d.]+) s of the run")


def opened(page: Any, address: str, name: str) -> NotebookPage:
    notebook = NotebookPage(page, address, name)
    notebook.run_all()
    return notebook


def finished_runs(element: Any) -> str:
    """The status and words of the lab around an element, once its run is over; empty while it measures."""
    text = str(element.evaluate(STATUS))
    if broken := BROKEN.search(text):
        pytest.fail(f"{broken[0]}\n{text[-2_000:]}")
    return text if FINISHED.search(text) else ""


def answer(page: Any, labs: int | None = None) -> None:
    """Answer the question of every lab, or of the first ones, with its first choice, one after the other, and let it measure."""
    for button in page.get_by_role("button", name="skip", exact=True).element_handles()[:labs]:
        first = button.evaluate_handle("e => e.parentElement.querySelector('button')").as_element()
        first.scroll_into_view_if_needed()
        first.click()
        wait_for(lambda button=button: finished_runs(button), RUN_S, "the first run")


@pytest.mark.process
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_lab_answers_a_click_and_a_key_and_fits_a_projector(page: Any, brief: str, name: str) -> None:
    """One slider a lab, and in each notebook one control of each other kind; that each control moves picture and words is
    tested through the same widgets in tests/chapters/test_every_lab.py.
    """
    notebook = opened(page, brief, name)
    answer(page)
    check_that_each_lab_fits_a_projector(page)
    labs = page.locator(".jp-OutputArea-output", has=page.get_by_role("button", name="Stop", exact=True))
    sliders = [lab.locator(".noUi-handle").first for lab in labs.all() if lab.locator(".noUi-handle").count()]
    assert sliders
    for slider in sliders:
        move_with_the_keyboard(page, slider.element_handle())
    for kind in (".widget-toggle-buttons", ".widget-dropdown"):
        if page.locator(kind).count():
            change_with_the_keyboard(page, page.locator(kind).first.element_handle())
    check_what_a_screen_reader_meets(page)
    assert notebook.errors() == []
    assert serious(notebook.complaints) == []


def move_with_the_keyboard(page: Any, handle: Any) -> None:
    """A step of a slider moves the picture at once, and brings a run and its words."""
    handle.scroll_into_view_if_needed()
    pictures, words = handle.evaluate(PICTURES), handle.evaluate(WORDS)
    at = handle.get_attribute("aria-valuenow")
    handle.focus()
    for key in ("ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        if handle.get_attribute("aria-valuenow") != at:
            break
    name = handle.evaluate(STATUS)[:80]
    wait_for(lambda: handle.evaluate(PICTURES) != pictures, RUN_S, f"a picture: {name}")
    if button := handle.evaluate_handle(MEASURE).as_element():  # a long run begins only when it is asked for
        button.click()
    wait_for(lambda: handle.evaluate(WORDS) != words and finished_runs(handle), RUN_S, f"words: {name}")


def change_with_the_keyboard(page: Any, control: Any) -> None:
    """Another choice of a toggle or a menu brings another picture."""
    control.scroll_into_view_if_needed()
    pictures = control.evaluate(PICTURES)
    chosen = control.query_selector("select, button:not(.mod-active)")
    chosen.focus()
    # A menu has to be open: JupyterLab takes arrows and letters for commands of the notebook otherwise.
    is_menu = chosen.evaluate("e => e.tagName == 'SELECT'")
    for key in ("Alt+ArrowDown", "ArrowDown", "Enter") if is_menu else ("Enter",):
        page.keyboard.press(key)
        page.wait_for_timeout(150)
    # A lab of an exercise may have no model to redraw, and waits for its turn: the lab before it still measures.
    wait_for(lambda: control.evaluate(PICTURES) != pictures, RUN_S, "a new picture")


@pytest.mark.process
def test_a_wrong_prediction_is_named_beside_the_result(page: Any, address: str) -> None:
    opened(page, address, "02-measuring-latency.ipynb")
    lab = page.locator(".jp-OutputArea-output", has=page.get_by_role("button", name="skip", exact=True)).first
    choice = lab.get_by_role("button").first
    name = choice.inner_text()
    choice.click()
    wait_for(lambda: f"You predicted {name}" in lab.inner_text(), RUN_S, "the comment on the prediction")


@pytest.mark.process
def test_a_run_is_replayed_and_scrubbed_by_keyboard(page: Any, brief: str) -> None:
    notebook = opened(page, brief, "07-tails-and-overload.ipynb")
    lab = page.locator(".jp-OutputArea-output", has=page.get_by_role("button", name="Replay", exact=True)).first
    answer(page, labs=1)
    lab.get_by_role("button", name="Replay", exact=True).press("Enter")
    moment = lab.locator(".noUi-handle").nth(-2)  # the last one is of the slowness
    wait_for(lambda: at_s(lab) == 0, RUN_S, "the replay")
    lab.get_by_role("button", name="Play", exact=True).press("Enter")
    wait_for(lambda: at_s(lab) > 0, RUN_S, "the first requests")
    lab.get_by_role("button", name="Pause", exact=True).press("Enter")
    lab.get_by_role("button", name="Play", exact=True).wait_for()
    for key, is_there in (
        ("Home", lambda now, _: now == 0),
        ("ArrowRight", lambda now, before: now > before),
        ("End", lambda now, before: now > 10 * before),
        ("ArrowLeft", lambda now, before: now < before),
    ):
        before, pictures = at_s(lab), moment.evaluate(PICTURES)
        moment.press(key)
        wait_for(lambda: is_there(at_s(lab), before), RUN_S, f"the moment after {key}")  # noqa: B023
        wait_for(lambda: moment.evaluate(PICTURES) != pictures, RUN_S, f"its picture after {key}")  # noqa: B023
    lab.get_by_role("button", name="Replay", exact=True).press("Enter")
    wait_for(lambda: not MOMENT.search(lab.inner_text()), RUN_S, "the end of the replay")
    assert notebook.errors() == []
    assert serious(notebook.complaints) == []


def at_s(lab: Any) -> float:
    """The moment that is shown; -1 without one."""
    found = MOMENT.search(lab.inner_text())
    return float(found[1]) if found else -1.0


@pytest.fixture(scope="class")
def notebook(shared_page: Any, address: str) -> NotebookPage:
    notebook = opened(shared_page, address, "00-start-here.ipynb")
    answer(shared_page, labs=1)
    return notebook


@pytest.mark.clock
class TestOneNotebook:
    """What needs no fresh page: to load one and run its cells takes longer than these tests."""

    def test_stop_ends_a_run_within_a_second_and_pin_compares(self, notebook: NotebookPage) -> None:
        page = notebook.page
        handle = page.locator(".noUi-handle").first.element_handle()
        lab = handle.evaluate_handle("e => e.closest('.jp-OutputArea-output')").as_element()
        # The question has compared two settings: the first is pinned still.
        for text in ("Unpin", "Pin"):
            lab.query_selector(f"button:text-is('{text}')").click()
            wait_for(lambda: lab.query_selector(f"button:text-is('{text}')") is None, 5, f"what comes after {text}")  # noqa: B023
        handle.focus()
        page.keyboard.press("ArrowRight")
        wait_for(lambda: MEASURING.search(handle.evaluate(STATUS)), 10, "a run in progress")
        lab.query_selector("button:has-text('Stop')").click()
        wait_for(lambda: "Stopped after" in handle.evaluate(STATUS), 2, "the end of the run")
        assert "the pinned run" in handle.evaluate(STATUS)

    def test_code_and_reset(self, notebook: NotebookPage) -> None:
        page = notebook.page
        handle = page.locator(".noUi-handle").first.element_handle()
        lab = handle.evaluate_handle("e => e.closest('.jp-OutputArea-output')").as_element()
        lab.query_selector("button:has-text('Code')").click()
        wait_for(lambda: "def experiment(" in handle.evaluate(STATUS), 5, "the code")
        handle.focus()
        page.keyboard.press("End")
        wait_for(lambda: "100,000 numbers" in handle.evaluate(STATUS), 5, "the slider's end")
        lab.query_selector("button:has-text('Reset')").click()
        wait_for(lambda: "Back at the start" in handle.evaluate(STATUS), 5, "the reset")
        page.wait_for_timeout(300)
        assert "100,000 numbers" not in handle.evaluate(STATUS)

    def test_an_interrupt_stops_the_run_in_one_line_and_the_next_run_works(self, notebook: NotebookPage) -> None:
        page = notebook.page
        handle = page.locator(".noUi-handle").first.element_handle()
        handle.focus()
        page.keyboard.press("ArrowRight")
        wait_for(lambda: MEASURING.search(handle.evaluate(STATUS)), 10, "a run in progress")
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
        wait_for(lambda: re.search("Interrupted|Stopped after", handle.evaluate(STATUS)), 3, "the interrupted run")
        page.keyboard.press("ArrowRight")
        wait_for(lambda: "Done after" in handle.evaluate(STATUS), RUN_S, "the next run")
        assert notebook.errors() == []

    def test_fast_dragging_ends_in_one_run_of_the_last_value(self, notebook: NotebookPage) -> None:
        page = notebook.page
        handle = page.locator(".noUi-handle").first.element_handle()
        handle.focus()
        for step in range(40):
            page.keyboard.press("ArrowRight" if step % 3 else "ArrowLeft")
        page.keyboard.press("End")
        wait_for(lambda: "100,000 numbers" in handle.evaluate(STATUS), 5, "the slider's end")
        wait_for(lambda: not finished_runs(handle), 5, "the run of the last value")
        wait_for(lambda: finished_runs(handle), RUN_S, "its end")
        found = re.search(r"p50 ([\d.]+) (ns|µs|ms)", finished_runs(handle))
        assert found is not None
        p50_ns = float(found[1]) * {"ns": 1, "µs": 1e3, "ms": 1e6}[found[2]]
        assert p50_ns > 1e5, (
            "it is the last value that was measured: each of 100,000 numbers takes a nanosecond at least"
        )
        page.wait_for_timeout(800)
        assert finished_runs(handle), "no further run started"

    def test_a_saved_notebook_holds_what_was_measured_and_the_focus_stays(self, notebook: NotebookPage) -> None:
        page = notebook.page
        handle = page.locator(".noUi-handle").first.element_handle()
        before = page.evaluate(SAVED)
        assert "<img " in before
        handle.focus()
        page.keyboard.press("ArrowLeft")
        wait_for(lambda: page.evaluate(SAVED) not in (before, ""), RUN_S, "the next run in what would be saved")
        assert handle.evaluate("e => e === document.activeElement")
        assert not page.locator("[class^=perflab-still]").first.is_visible()


def worker_of_this_test() -> tuple[int, list[Path]]:
    """The one worker below this process, and the folder its kernel made for it."""
    below = psutil.Process().children(recursive=True)
    (worker,) = [process for process in below if "perflab.lab.worker" in process.cmdline()]
    return worker.pid, list(Path(tempfile.gettempdir()).glob(f"perflab-worker-{worker.ppid()}-*"))


@pytest.mark.process
@pytest.mark.skipif(not Path("/tmp").is_dir(), reason="looks for files the POSIX way")
def test_a_restart_of_the_kernel_leaves_nothing_behind_and_the_notebook_works_again(page: Any, brief: str) -> None:
    notebook = opened(page, brief, "00-start-here.ipynb")
    answer(page, labs=1)
    first, first_folders = worker_of_this_test()
    assert len(first_folders) == 1
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    wait_for(lambda: not psutil.pid_exists(first), GONE_S, "the end of the old worker")
    wait_for(lambda: not first_folders[0].exists(), GONE_S, "the end of its files")
    page.wait_for_timeout(1_000)
    notebook.run_all()
    answer(page, labs=1)
    second, second_folders = worker_of_this_test()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    wait_for(lambda: not psutil.pid_exists(second), GONE_S, "the end of the new worker")
    wait_for(lambda: not second_folders[0].exists(), GONE_S, "the end of its files")


def check_that_each_lab_fits_a_projector(page: Any) -> None:
    """Controls, chart, buttons and verdict are visible at once, on 1280 × 720."""
    buttons = page.get_by_role("button", name="Stop", exact=True).element_handles()
    assert buttons
    for button in buttons:
        button.evaluate("e => e.closest('.jp-OutputArea-output').scrollIntoView({block: 'start'})")
        box = button.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] + 30 < 720, button.evaluate(STATUS)[:80]


def check_what_a_screen_reader_meets(page: Any) -> None:
    """Headline and verdict are read out when they change, and axe-core finds nothing."""
    assert page.locator(".perflab-lab [aria-live=polite]").count()
    if script := axe_core():  # where it is missing, test_accessibility says so
        assert violations(page, script) == []
