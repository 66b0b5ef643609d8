"""Every notebook runs from top to bottom, each lab in its cell, without an error and without a slow cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
REHEARSAL_S = "0.3"
SLOWEST_CELL_S = 30


def run(notebook: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a notebook with nbval in a rehearsal: every lab runs when it is shown, and its error is the cell's."""
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, f"--rootdir={folder}", "-p", "no:cacheprovider", "-q"]
    command += ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={SLOWEST_CELL_S}", str(notebook)]
    env = {**os.environ, "PERFLAB_REHEARSE": REHEARSAL_S, "IPYTHONDIR": str(folder)}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    done = run(notebook, tmp_path)
    assert done.returncode == 0, done.stdout[-3_000:]


BROKEN = """
from perflab.lab import Lab, log_slider
def broken(rows):
    raise ValueError('no such table')
    yield
Lab(question='?', experiment=broken, controls={'rows': log_slider(1, 10, 1)}, panels=())
"""


def test_a_lab_whose_experiment_raises_makes_its_notebook_fail(tmp_path: Path) -> None:
    notebook = tmp_path / "broken.ipynb"
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [], "source": BROKEN}
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook.write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    done = run(notebook, tmp_path)
    assert done.returncode != 0
    assert "no such table" in done.stdout
