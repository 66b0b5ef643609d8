"""Every notebook runs from top to bottom, each lab in its cell, without an error and without a slow cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from notebook_browser import find_browser

pytestmark = pytest.mark.process

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
REHEARSAL_S = "0.3"
MAX_CELL_S = 180
"""Patience: a cell that hangs ends here."""


def run(
    notebook: Path, folder: Path, slowest_s: int = MAX_CELL_S, rehearses: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a notebook with nbval. In a rehearsal every lab runs when it is shown, and its error is the cell's."""
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, f"--rootdir={folder}", "-p", "no:cacheprovider", "-q"]
    command += ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={slowest_s}", str(notebook)]
    env = {**os.environ, "IPYTHONDIR": str(folder), **({"PERFLAB_REHEARSE": REHEARSAL_S} if rehearses else {})}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=1_200)


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    # Where there is a browser, tests/browser runs each lab of each notebook; it is not done twice.
    done = run(notebook, tmp_path, rehearses=find_browser() is None)
    assert done.returncode == 0, done.stdout[-3_000:]


BROKEN = """
from perflab.lab import Lab, log_slider
def broken(rows):
    raise ValueError('no such table')
    yield
Lab(question='?', experiment=broken, controls={'rows': log_slider(1, 10, 1)}, charts=())
"""


def test_a_lab_whose_experiment_raises_makes_its_notebook_fail(tmp_path: Path) -> None:
    done = run(written(tmp_path, BROKEN), tmp_path)
    assert done.returncode != 0
    assert "no such table" in done.stdout


def test_a_cell_that_takes_too_long_makes_its_notebook_fail(tmp_path: Path) -> None:
    done = run(written(tmp_path, "import time; time.sleep(20)"), tmp_path, slowest_s=2)
    assert done.returncode != 0
    assert "timeout" in done.stdout.lower()


def test_the_kernel_is_the_python_that_runs_the_tests(tmp_path: Path) -> None:
    cell = f"import sys; assert sys.prefix == {sys.prefix!r}, sys.prefix"
    done = run(written(tmp_path, cell), tmp_path)
    assert done.returncode == 0, done.stdout[-3_000:]


def written(folder: Path, source: str) -> Path:
    """A notebook of one cell."""
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = folder / "one-cell.ipynb"
    notebook.write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    return notebook
