"""One real JupyterLab and one browser for all browser tests, and a fresh page for each that needs one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from notebook_browser import REPOSITORY, find_browser, jupyter_server, open_browser, page_of

from perflab.lab.budget import BUDGET

NEED_BROWSER = "PERFLAB_NEED_BROWSER"


def require_browser() -> None:
    """Skip without a browser; where one must be there, as in CI, fail."""
    if find_browser() is None:
        missing = "no Chromium or Chrome is installed: the browser tests need one"
        if os.environ.get(NEED_BROWSER):
            pytest.fail(f"{missing}, and {NEED_BROWSER} is set")
        pytest.skip(missing)


@pytest.fixture(scope="session")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_browser()
    folder: Path = tmp_path_factory.mktemp("notebooks")
    for path in (REPOSITORY / "notebooks").glob("*.ipynb"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="session")
def address(notebooks: Path) -> Iterator[str]:
    with jupyter_server(notebooks) as address:
        yield address


@pytest.fixture(scope="session")
def brief(notebooks: Path) -> Iterator[str]:
    """A JupyterLab in which every run is short; no run begins by itself."""
    with jupyter_server(notebooks, **{BUDGET: "0.3"}) as address:
        yield address


@pytest.fixture(scope="session")
def browser(notebooks: Path) -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    with page_without_kernels_left(browser) as page:
        yield page


@pytest.fixture(scope="class")
def shared_page(browser: Any) -> Iterator[Any]:
    """One page for a class of tests that leave it fit for use."""
    with page_without_kernels_left(browser) as page:
        yield page


@contextmanager
def page_without_kernels_left(browser: Any) -> Iterator[Any]:
    with page_of(browser) as page:
        yield page
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
