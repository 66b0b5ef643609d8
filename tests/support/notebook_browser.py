"""A real JupyterLab in a real browser: used by the browser tests, `make pictures` and `make bench`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from complaints import complaints_of
from listening import wait_until_it_listens

REPOSITORY = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_BROWSERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREEN = {"width": 1280, "height": 720}
FINISHED = re.compile(r"(Done|Stopped) after")
"""In the line below a lab's charts, once its run is over."""
MEASURE = """e => [...e.closest('.jp-OutputArea-output').querySelectorAll('button')].find(
    button => button.innerText.trim() == 'Measure')"""
"""The button of the lab around an element, where its runs begin by one."""
PAGE_MS = 180_000
"""Patience with a JupyterLab that starts beside others."""
BUSY = "() => [...document.querySelectorAll('.jp-InputPrompt')].some(prompt => prompt.textContent.includes('*'))"
KERNEL_IS_IDLE = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const session = panel && panel.sessionContext && panel.sessionContext.session;
  return session && session.kernel && session.kernel.status === 'idle';
}"""


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Look until the condition holds; raises TimeoutError when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.1)


def find_browser() -> str | None:
    """Path of an installed Chromium or Chrome, or None."""
    found = (shutil.which(name) for name in BROWSERS)
    return next((path for path in found if path), next((path for path in MAC_BROWSERS if Path(path).exists()), None))


@contextmanager
def jupyter_server(notebooks: Path, **environment: str) -> Iterator[str]:
    """JupyterLab on a copy of nothing but `notebooks`, settings of its own; yields its address with the token."""
    home = Path(tempfile.mkdtemp(prefix="perflab-jupyter-"))
    env = {
        **os.environ,
        **environment,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += ["--ServerApp.port=0", f"--ServerApp.root_dir={notebooks}"]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)
    try:
        yield _address(home, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(home, ignore_errors=True)


def _address(home: Path, process: subprocess.Popen[bytes], patience_s: float = 60) -> str:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and process.poll() is None:
        for path in (home / "runtime").glob("jpserver-*.json"):
            try:
                server = json.loads(path.read_text())
            except json.JSONDecodeError:
                continue
            wait_until_it_listens(server["url"])
            return f"{server['url']}|{server['token']}"
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{(home / 'server.log').read_text()[-2000:]}")


class NotebookPage:
    """One notebook in the browser."""

    def __init__(self, page: Any, address: str, name: str) -> None:
        url, token = address.split("|")
        self.page = page
        self.complaints = complaints_of(page)
        # The doc view shows the notebook alone, without the file browser, as `make lab` does.
        page.goto(f"{url}doc/tree/{name}?token={token}&reset")
        page.wait_for_selector(".jp-Notebook", timeout=PAGE_MS)
        page.wait_for_function(
            "() => document.querySelector('.jp-Toolbar-kernelStatus, .jp-Notebook-ExecutionIndicator')"
        )

    def command(self, name: str) -> None:
        """Carry out one of JupyterLab's own commands."""
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def run_all(self, timeout_s: float = 120) -> None:
        """Run all cells and wait until none is running or waiting."""
        self.page.wait_for_function(KERNEL_IS_IDLE, timeout=PAGE_MS)
        self.command("notebook:run-all-cells")
        self.page.wait_for_timeout(500)
        self.page.wait_for_function(f"() => !({BUSY})()", timeout=timeout_s * 1000)

    def errors(self) -> list[str]:
        """Tracebacks among the outputs."""
        return self.page.eval_on_selector_all(
            ".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']", "els => els.map(e => e.textContent)"
        )


@contextmanager
def open_browser() -> Iterator[Any]:
    """A headless browser. Only one at a time: Playwright cannot be started twice."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(BROWSER_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Any, **options: Any) -> Iterator[Any]:
    """A page of the size of a projector, with cookies and storage of its own."""
    context = browser.new_context(**{"viewport": SCREEN, **options})
    try:
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def browser_page(**options: Any) -> Iterator[Any]:
    """Such a page in a browser of its own."""
    with open_browser() as browser, page_of(browser, **options) as page:
        yield page
