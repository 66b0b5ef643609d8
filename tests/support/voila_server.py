"""A real Voilà on a folder of notebooks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listening import wait_until_it_listens
from notebook_browser import REPOSITORY

PATIENCE_S = 60.0
SAID = re.compile(r"http://\S+?:(\d+)/")
CULLED = ("--MappingKernelManager.cull_idle_timeout=5", "--MappingKernelManager.cull_interval=1")
NOT_OURS = '--VoilaConfiguration.extension_denylist=["@jupyter-notebook/lab-extension"]'
"""Voilà would load what Notebook 7 adds to JupyterLab, and fails."""


@contextmanager
def voila_server(notebooks: Path, *options: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Voilà as a teacher starts it; yields its address and its process."""
    with tempfile.TemporaryDirectory(prefix="perflab-voila-") as home:
        folders = {name: f"{home}/{name}" for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
        log = Path(home, "log")
        command = [sys.executable, "-m", "voila", str(notebooks), "--no-browser", f"--port={a_port()}", NOT_OURS]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [*command, *options],
                stdout=stream,
                stderr=stream,
                env={**os.environ, **environment, **folders, "IPYTHONDIR": f"{home}/ipython"},
                cwd=REPOSITORY,
            )
        try:
            yield _address(log, process), process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def a_port() -> int:
    """One that is free now; Voilà takes the next one where it is not free any more."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := SAID.search(log.read_text()):
            address = f"http://127.0.0.1:{found[1]}/"
            wait_until_it_listens(address)
            return address
        time.sleep(0.1)
    raise RuntimeError(f"Voilà did not start:\n{log.read_text()[-2000:]}")
