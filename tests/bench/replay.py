"""How many pictures per second a replay shows in the browser.

That it slows no run down is a fact of the tests: a new run closes it, and nothing is drawn while another lab measures.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lag import FIRST_RUNS_ARE_OVER, WATCH, WHOLE_RUN_MS
from notebook_browser import REPOSITORY, NotebookPage, browser_page, jupyter_server

NOTEBOOK, PLAYED_S = "07-tails-and-overload.ipynb", 5.0


def rows() -> Iterator[tuple[str, str, str]]:
    """One row a slowness."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(REPOSITORY / "notebooks" / NOTEBOOK, folder)
        with jupyter_server(Path(folder)) as address, browser_page() as page:
            NotebookPage(page, address, NOTEBOOK).run_all()
            lab = page.locator(".jp-OutputArea-output", has=page.get_by_role("button", name="Replay", exact=True)).first
            lab.get_by_role("button", name="skip", exact=True).click()
            lab.get_by_text("Done after").wait_for(timeout=WHOLE_RUN_MS)
            page.wait_for_function(FIRST_RUNS_ARE_OVER, timeout=WHOLE_RUN_MS)
            lab.get_by_role("button", name="Replay", exact=True).click()
            lab.get_by_role("button", name="Play", exact=True).wait_for()
            yield ("replay: pictures per second", "≥ 10", f"{_rate(page, lab):.0f}")


def _rate(page: Any, lab: Any) -> float:
    page.evaluate(WATCH)
    lab.evaluate("e => { window.watched = e }")
    lab.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(1_000)
    page.evaluate("() => { window.pictures = 0; window.playing = performance.now() }")
    page.wait_for_timeout(1_000 * PLAYED_S)
    return float(page.evaluate("() => window.pictures / ((performance.now() - window.playing) / 1000)"))
