"""How long a slider step takes to become a picture in the browser, against a plain `interact`.

All notebooks take an hour; `LAG=02,10 make bench ONLY=lag` measures these two.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
from notebook_browser import MEASURE, REPOSITORY, NotebookPage, browser_page, jupyter_server
from playwright.sync_api import TimeoutError

from perflab.lab.form import MORE
from perflab.lab.session import REST_S

STEPS = 16
SETTLING_STEPS = 2
IN_VAIN = 3
"""After so many steps without a picture, none of this size is expected to bring one."""
STEP_KEYS = {
    "": ("ArrowRight", "ArrowLeft"),
    " (5 steps)": ("PageUp", "PageDown"),
    " (from end to end)": ("End", "Home"),
}
PATIENCE_MS = 3_000
WHOLE_RUN_MS = 90_000
FIRST_RUNS_ARE_OVER = """
() => ![...document.querySelectorAll('.jp-OutputArea-output')].some(
  lab => /Preparing|Getting to know|Waiting:|\\d s left/.test(lab.innerText))
"""
DRAG_S = 2.0
DRAG_STEPS = 96
"""Steps of a slider in one drag, far more than pictures can be drawn: a slider with few steps goes to and fro more often."""
SETTLE_MS = 1_000
REST_MS = 1_000 * REST_S
"""Only after a rest is anything measured: a picture that comes sooner is that of the model."""
BASELINE = "baseline.ipynb"
BASELINE_CODE = """\
import numpy as np
import matplotlib.pyplot as plt
from ipywidgets import interact, IntSlider

@interact(rows=IntSlider(50, 1, 100))
def draw(rows):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.5), layout="constrained")
    x = np.logspace(2, 6, 60)
    left.loglog(x, x * rows)
    right.hist(np.random.default_rng(rows).lognormal(size=5000), bins=60)
    plt.show()
"""

BARE = "bare.ipynb"
BARE_CODE = """\
import numpy as np
from ipywidgets import Image, SelectionSlider, VBox
from perflab.lab.png import encode

pictures = [encode(np.full((20, 20, 4), 200 + shade, np.uint8)) for shade in range(13)]
image = Image(value=pictures[0], format="png")
slider = SelectionSlider(options=list(range(13)), continuous_update=True)
slider.observe(lambda change: setattr(image, "value", pictures[change["new"]]), "value")
VBox([slider, image])
"""
"""No drawing at all: what JupyterLab, ipywidgets and the browser can do here at the best."""
CEILING = "a bare slider that shows ready-made pictures"

WATCH = """
() => {
  window.steps = []; window.pictures = 0; window.pressed = null; window.watched = document;
  const seen = async image => {
    if (!window.watched.contains(image)) return;
    if (!window.painting) {
      window.painting = true;
      requestAnimationFrame(() => { window.painting = false; window.pictures += 1 });
    }
    if (window.pressed === null) return;
    const started = window.pressed; window.pressed = null;
    try { await image.decode() } catch (error) {}
    requestAnimationFrame(() => window.steps.push(performance.now() - started));
  };
  new MutationObserver(changes => {
    for (const change of changes) {
      if (change.type === 'attributes' && change.target.tagName === 'IMG') { seen(change.target); return }
      for (const node of change.addedNodes) {
        const image = node.tagName === 'IMG' ? node : node.querySelector && node.querySelector('img');
        if (image) { seen(image); return }
      }
    }
  }).observe(document.querySelector('.jp-Notebook'),
             {subtree: true, childList: true, attributes: true, attributeFilter: ['src']});
  document.addEventListener('keydown', () => { window.pressed = performance.now() }, true);
}
"""


def rows() -> Iterator[tuple[str, str, str]]:
    """One row per slider as soon as it was measured, then the worst and the median of all."""
    bare: list[float] = []
    baseline: list[float] = []
    ours_ms: dict[str, float] = {}
    against_interact: dict[str, float] = {}
    with _notebooks_served() as (address, names):
        for name in names:
            # Both yardsticks are measured again beside every notebook, so that all see the same machine.
            limit, limit_rate = _measure(address, BARE)
            plain, plain_rate = _measure(address, BASELINE)
            sliders, rate = _measure(address, name)
            [limit_lags], [plain_lags] = limit.values(), plain.values()
            bare += limit_lags
            baseline += plain_lags
            for slider, lags in sliders.items():
                label = f"{name[:2]} {slider}"
                if not lags:
                    yield (f"slider step → next picture: {label}", "≥ 4", f"none within {PATIENCE_MS / 1e3:g} s")
                    continue
                ours_ms[label] = median(lags)
                against_interact[label] = median(plain_lags) / ours_ms[label]
                measured = f"{ours_ms[label]:.0f} ms, {against_interact[label]:.1f}×"
                yield (f"slider step → next picture: {label}", "≥ 4", measured)
            yield (f"pictures per second while dragging: {name}", "", f"{rate:.0f} (`interact` {plain_rate:.0f})")
            yield (f"… as a share of {CEILING}", "≥ 0.8", f"{rate / limit_rate:.2f}")
    yield ("plain `interact`, two panels", "the yardstick", f"{median(baseline):.0f} ms")
    worst = min(against_interact, key=against_interact.__getitem__)
    yield ("median slider against `interact`", "≥ 9", f"{median(against_interact.values()):.1f}×")
    yield (f"worst slider against `interact` ({worst})", "≥ 6", f"{against_interact[worst]:.1f}×")
    limit_ms = median(bare)
    yield (f"single step: {CEILING}", "the limit", f"{limit_ms:.0f} ms")
    yield ("median slider against it", "≤ 2", f"{median(ours_ms.values()) / limit_ms:.1f}×")
    slowest = max(ours_ms, key=ours_ms.__getitem__)
    yield (f"worst slider against it ({slowest})", "≤ 3", f"{ours_ms[slowest] / limit_ms:.1f}×")


@contextmanager
def _notebooks_served() -> Iterator[tuple[str, list[str]]]:
    """Address of a JupyterLab with copies of all notebooks and both yardsticks, and the names of the notebooks wanted."""
    folder = Path(tempfile.mkdtemp(prefix="perflab-bench-"))
    try:
        for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
            shutil.copy(path, folder)
        _write_notebook(folder / BASELINE, BASELINE_CODE)
        _write_notebook(folder / BARE, BARE_CODE)
        wanted = tuple(filter(None, os.environ.get("LAG", "").split(",")))
        with jupyter_server(folder) as address:
            yield (
                address,
                sorted(path.name for path in folder.glob("[0-9]*.ipynb") if path.name.startswith(wanted or "")),
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(address: str, name: str) -> tuple[dict[str, list[float]], float]:
    """Lags (ms) of each slider of a notebook that moves a picture, and pictures per second while its first one is dragged."""
    sliders: dict[str, list[float]] = {}
    rate = 0.0
    with browser_page() as page:
        notebook = NotebookPage(page, address, name)
        notebook.run_all()
        for skip in page.get_by_role("button", name="skip", exact=True).element_handles():
            skip.click()
        page.wait_for_timeout(SETTLE_MS)
        page.wait_for_function(FIRST_RUNS_ARE_OVER, timeout=WHOLE_RUN_MS)
        for more in page.get_by_role("button", name=MORE, exact=True).element_handles():
            more.click()
        page.evaluate(WATCH)
        handles = page.locator(".noUi-handle").all()
        for number, handle in enumerate(handles, 1):
            handle.scroll_into_view_if_needed()
            _use_once(page, handle)
            lags, step = _smallest_seen(page, handle)
            sliders[f"slider {number}: {_name_of(handle)}{step}"] = lags
        if handles:
            rate = _drag_rate(page, handles[0])
        notebook.command("kernelmenu:shutdown")
    return sliders, rate


def _use_once(page: Any, handle: Any) -> None:
    """A lab that was not used yet has no model to draw; one that waits for another has none either."""
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    if button := handle.evaluate_handle(MEASURE).as_element():  # some of its controls move only what was measured
        button.click()
    page.wait_for_timeout(SETTLE_MS)
    page.wait_for_function(FIRST_RUNS_ARE_OVER, timeout=WHOLE_RUN_MS)


def _name_of(handle: Any) -> str:
    return str(handle.evaluate("e => e.closest('.widget-inline-hbox').querySelector('.widget-label').textContent"))


def _smallest_seen(page: Any, handle: Any) -> tuple[list[float], str]:
    """Lags of the smallest step whose model looks different; where it does not, the next picture is the measured one."""
    found = []
    for step, keys in STEP_KEYS.items():
        found.append((_lags(page, handle, keys), step))
        if found[-1][0] and median(found[-1][0]) < REST_MS:
            return found[-1]
    return found[0]


def _lags(page: Any, handle: Any, keys: tuple[str, str]) -> list[float]:
    lags: list[float] = []
    in_vain = 0
    _watch(handle)
    page.evaluate("() => { window.steps = []; window.pressed = null }")
    handle.focus()
    for step in range(STEPS):
        before = handle.get_attribute("aria-valuenow")
        page.keyboard.press(keys[step % 2])
        if handle.get_attribute("aria-valuenow") == before:
            page.evaluate("() => { window.pressed = null }")
            continue  # at an end of the slider one of the two directions does nothing
        try:
            page.wait_for_function("n => window.steps.length >= n", arg=len(lags) + 1, timeout=PATIENCE_MS)
        except TimeoutError:
            in_vain += 1
            if in_vain == IN_VAIN:
                break
            continue
        lags = page.evaluate("() => window.steps")
    return [float(lag) for lag in lags[SETTLING_STEPS:]]


def _watch(handle: Any) -> None:
    # Only the slider's own lab counts: another one may still be drawing what it measured a moment ago.
    handle.evaluate("e => { window.watched = e.closest('.jp-OutputArea-output') || document }")


def _drag_rate(page: Any, handle: Any) -> float:
    _watch(handle)
    handle.scroll_into_view_if_needed()
    ends = [float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max")]
    swings = DRAG_STEPS / (2 * (ends[1] - ends[0]))
    box = handle.bounding_box()
    track = handle.locator("xpath=ancestor::*[contains(@class,'noUi-target')]").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.evaluate("() => { window.pictures = 0; window.dragging = performance.now() }")
    moves = int(DRAG_S / 0.016)
    for move in range(moves):
        swing = abs((2 * swings * move / moves) % 2 - 1)
        page.mouse.move(track["x"] + track["width"] * swing, box["y"] + box["height"] / 2)
        page.wait_for_timeout(12)
    rate = page.evaluate("() => window.pictures / ((performance.now() - window.dragging) / 1000)")
    page.mouse.up()
    return float(rate)


def _write_notebook(path: Path, code: str) -> None:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = [nbformat.v4.new_code_cell(code)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
