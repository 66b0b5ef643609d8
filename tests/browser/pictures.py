"""`make pictures`: the README's pictures, taken from labs that have just measured: one of each lab, and two moving ones.

A run on a noisy machine is measured again. `PICTURES=02,07 make pictures` takes those of these notebooks, `PICTURES=moving` the
moving ones.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

import gallery
from notebook_browser import FINISHED, REPOSITORY, NotebookPage, browser_page, jupyter_server, wait_for
from PIL import Image

FOLDER = REPOSITORY / gallery.FOLDER
TALL, TALLER = {"width": 1280, "height": 1100}, {"width": 1280, "height": 1600}
WIDTH, COLOURS = 900, 96
RUN_S, TRIES, RUN_ALL_S = 120, 6, 300
BACK_MS = 3_000
"""After *Run All* the page goes back to the first question."""
NOISY = re.compile("noisy machine|Noisy|Invalid|cannot tell|cannot be trusted")
MOVING_WIDTH, MOVING_COLOURS, FRAME_S, MOST_BYTES = 880, 64, 0.12, 1_000_000
OUTPUT = ".jp-OutputArea-output"
CELL = "e => window.jupyterapp.shell.currentWidget.content.widgets.findIndex(cell => cell.node.contains(e))"


def main() -> None:
    """Take the pictures, and write the README's gallery."""
    wanted = tuple(filter(None, os.environ.get("PICTURES", "").split(",")))
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for notebook in (REPOSITORY / "notebooks").glob("*.ipynb"):
            shutil.copy(notebook, folder)
        with jupyter_server(Path(folder)) as address, browser_page(viewport=TALL) as page:
            for notebook in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
                if notebook.name.startswith(wanted or ""):
                    take_all(page, address, notebook)
            if not wanted or "moving" in wanted:
                take_moving(page, address)
    gallery.write(REPOSITORY)


def take_all(page: Any, address: str, notebook: Path) -> None:
    """A picture of each lab of a notebook, and what it found."""
    opened = NotebookPage(page, address, notebook.name)
    opened.run_all(RUN_ALL_S)
    names = gallery.labs(notebook)
    for lab in page.locator(OUTPUT, has=page.get_by_role("button", name="Stop", exact=True)).all():
        name = names.get(lab.evaluate(CELL))
        if name is None:  # an exercise shows a lab, too
            continue
        noisy = measure(lab)
        keep(lab, FOLDER / f"{name}.png")
        kept = FOLDER / gallery.FINDINGS
        findings = {**(json.loads(kept.read_text()) if kept.exists() else {}), name: told(lab)}
        kept.write_text(json.dumps(findings, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        print(f"{name}: {told(lab)}", f"({noisy})" * bool(noisy), flush=True)
    opened.command("kernelmenu:shutdown")


def measure(lab: Any) -> str:
    """Answer the question of a lab, or let it measure, until a run was quiet; else what its last run says of that."""
    lab.scroll_into_view_if_needed()
    # The last choice stands before "skip": its ring then stays on the chart.
    choice = lab.get_by_role("button", name="skip", exact=True).locator("xpath=preceding-sibling::button[1]")
    for attempt in range(TRIES):
        again = lab.get_by_role("button", name="Measure it again", exact=True)
        button = choice if choice.count() and not attempt else again if again.is_visible() else None
        if button is None:
            step(lab)
            button = lab.get_by_role("button", name="Measure", exact=True)
        if button.is_visible() and button.is_enabled():
            button.click()
        lab.page.wait_for_timeout(700)
        wait_for(lambda: FINISHED.search(lab.inner_text()), RUN_S, "the end of a run")
        lab.page.wait_for_timeout(700)
        noisy = [line for line in lab.inner_text().splitlines() if NOISY.search(line)]
        if not noisy:
            return ""
    return noisy[0]


def step(lab: Any) -> None:
    """There and back, so that a lab without a question measures where it stands."""
    handle = lab.locator(".noUi-handle")
    if handle.count():
        handle.first.press("ArrowRight")
        handle.first.press("ArrowLeft")


def told(lab: Any) -> str:
    """What a lab found, as the text of its first picture says."""
    return str(lab.locator("img").first.get_attribute("alt") or "")


def keep(lab: Any, path: Path) -> None:
    """What is on the screen but its table, in few colours."""
    hide_tables(lab)
    with Image.open(io.BytesIO(lab.screenshot())) as seen:
        smaller(seen, WIDTH).quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def smaller(seen: Image.Image, width: int) -> Image.Image:
    """As wide as that."""
    plain = seen.convert("RGB")
    return plain.resize((width, round(plain.height * width / plain.width)), Image.Resampling.LANCZOS)


def take_moving(page: Any, address: str) -> None:
    """A slider that is dragged until its run is over, and once more where that was noisy; the slow motion of a run."""
    page.set_viewport_size(TALLER)
    notebook = NotebookPage(page, address, "02-measuring-latency.ipynb")
    notebook.run_all()
    page.wait_for_timeout(BACK_MS)
    names = [*gallery.labs(REPOSITORY / "notebooks" / "02-measuring-latency.ipynb").values()]
    labs = page.locator(OUTPUT, has=page.get_by_role("button", name="Stop", exact=True))
    lab = labs.nth(names.index("02-coordinated_omission"))  # its texts change as it measures
    measure(lab)
    for _ in range(TRIES):
        drag_slider(lab)
        if not NOISY.search(lab.inner_text()):
            break
    notebook.command("kernelmenu:shutdown")
    notebook = NotebookPage(page, address, "07-tails-and-overload.ipynb")
    notebook.run_all()
    page.wait_for_timeout(BACK_MS)
    lab = page.locator(OUTPUT, has=page.get_by_role("button", name="Replay", exact=True)).first
    measure(lab)
    lab.get_by_role("button", name="Replay", exact=True).click()
    lab.get_by_role("button", name="Play", exact=True).click()
    show(lab)
    film(lab, REPOSITORY / "docs" / "replay.gif", lambda frame: False, 50)
    notebook.command("kernelmenu:shutdown")


def drag_slider(lab: Any) -> None:
    """Film how its second slider is dragged, and what the run then finds."""
    page = lab.page
    show(lab)
    handle, track = lab.locator(".noUi-handle").nth(1), lab.locator(".noUi-target").nth(1)
    at, ends = handle.bounding_box(), track.bounding_box()
    height, places = at["y"] + at["height"] / 2, [*range(20, 90, 5), *range(90, 45, -5)]

    def drag(frame: int) -> bool:
        if frame < len(places):
            page.mouse.move(ends["x"] + ends["width"] * places[frame] / 100, height)
        elif frame == len(places):
            page.mouse.up()
        return frame > len(places) + 12 and bool(FINISHED.search(lab.inner_text()))

    page.mouse.move(at["x"] + at["width"] / 2, height)
    page.mouse.down()
    film(lab, REPOSITORY / "docs" / "slider.gif", drag, 60)


def show(lab: Any) -> None:
    """The whole lab on the screen, without its table."""
    hide_tables(lab)
    lab.evaluate("e => e.scrollIntoView({block: 'start'})")
    lab.page.wait_for_timeout(500)


def hide_tables(lab: Any) -> None:
    lab.evaluate("e => e.querySelectorAll('table').forEach(t => { t.closest('.widget-html').style.display = 'none' })")


def film(lab: Any, path: Path, go_on: Callable[[int], bool], frames: int) -> None:
    """One picture after another, until `go_on` says that it is over; smaller where the file would be larger than it may be."""
    seen, width = [], MOVING_WIDTH
    for frame in range(frames):
        started = time.monotonic()
        seen.append(Image.open(io.BytesIO(lab.screenshot())).convert("RGB"))
        if go_on(frame):
            break
        time.sleep(max(0.0, FRAME_S - (time.monotonic() - started)))
    height = min(image.height for image in seen)
    while True:
        each = [smaller(image.crop((0, 0, image.width, height)), width) for image in seen]
        palette = each[-1].quantize(MOVING_COLOURS)
        small = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in each]
        ms = round(1_000 * FRAME_S)
        small[0].save(path, save_all=True, append_images=small[1:], duration=ms, loop=0, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return
        width = round(0.9 * width)


if __name__ == "__main__":
    main()
