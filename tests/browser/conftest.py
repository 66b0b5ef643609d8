"""One real JupyterLab for all browser tests, and a fresh page for each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from notebook_browser import REPOSITORY, browser_page, find_browser, jupyter_server


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if find_browser() is None:
        pytest.skip("no Chromium or Chrome is installed: the browser tests need one")
    folder: Path = tmp_path_factory.mktemp("notebooks")
    for path in (REPOSITORY / "notebooks").glob("*.ipynb"):
        shutil.copy(path, folder)
    with jupyter_server(folder) as address:
        yield address


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    with browser_page() as page:
        yield page
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
