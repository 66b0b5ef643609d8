"""`make pictures`: the README's picture, taken from the running lab."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from notebook_browser import REPOSITORY, NotebookPage, browser_page, jupyter_server

NOTEBOOK = "02-measuring-latency.ipynb"
LAB = "server stops for 100 ms"
FINDING = "slow requests. On schedule"
PATIENCE_MS, RUNS = 20_000, 5


def main() -> None:
    """Run the lab in a headless browser and keep what is on the screen."""
    target = REPOSITORY / "docs" / "lab.png"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(REPOSITORY / "notebooks" / NOTEBOOK, folder)
        with jupyter_server(Path(folder)) as address, browser_page(viewport={"width": 1280, "height": 1000}) as page:
            NotebookPage(page, address, NOTEBOOK).run_all()
            lab = page.locator(".jp-OutputArea-output", has_text=LAB).first
            lab.scroll_into_view_if_needed()
            lab.get_by_role("button", name="about 1 in 4").click()
            for _ in range(RUNS):
                lab.get_by_text("Done after").wait_for(timeout=PATIENCE_MS)
                page.wait_for_timeout(500)
                if lab.get_by_text(FINDING).count():
                    break
                lab.get_by_role("button", name="Measure it again").click()  # it was noisy
                page.wait_for_timeout(500)
            lab.screenshot(path=target)
    print(f"{target.relative_to(REPOSITORY)}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
