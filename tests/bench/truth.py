"""Does watching change what is seen? The tail of a 1 µs operation in a live lab, against the same in a bare script."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from notebook_browser import NotebookPage, browser_page, jupyter_server

from perflab.measure.compare import paired_ratio

PAIRS = 9
SECONDS = 2.0
OPERATION = """
import numpy as np
from perflab.measure.slices import call_slices
def experiment(numbers):
    for latencies in call_slices(lambda: sum(range(numbers))):
        yield latencies.frame()
"""
LAB = """
from perflab.chapters.measuring_latency import stopwatch
from perflab.lab import Lab, log_slider
lab = Lab(question="?", experiment=experiment, controls={"numbers": log_slider(10, 100, 20, unit="numbers")},
          charts=stopwatch.CHARTS, budget_s=SECONDS)
lab
"""
ASK = "print('p999', *np.quantile(lab.run().column('latency_ns'), [0.5, 0.99, 0.999], method='inverted_cdf'))"
BARE = """
import time
from perflab.measure.frame import merge
frames, measured = [], 0.0
for frame in experiment(20):
    frames.append(frame)
    measured += frame.samples["latency_ns"].sum() / 1e9
    if measured > SECONDS * 0.8:
        break
print(*np.quantile(merge(frames).samples["latency_ns"], [0.5, 0.99, 0.999], method="inverted_cdf"))
"""


def rows() -> Iterator[tuple[str, str, str]]:
    """Ratios of interleaved pairs, with their 95% intervals."""
    folder = Path(tempfile.mkdtemp(prefix="perflab-bench-"))
    live, bare = [], []
    try:
        cells = [OPERATION, LAB.replace("SECONDS", str(SECONDS)), ASK]
        _write_notebook(folder / "truth.ipynb", cells)
        with jupyter_server(folder) as address, browser_page() as page:
            notebook = NotebookPage(page, address, "truth.ipynb")
            for _ in range(PAIRS):
                notebook.run_all()
                text = page.locator(".jp-OutputArea-output", has_text="p999").last.inner_text()
                live.append([float(part) for part in text.split()[1:]])
                bare.append(_bare())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for index, (name, must) in enumerate((("p50", "—"), ("p99", "—"), ("p99.9", "≤ 1.3×"))):
        ours, theirs = ([run[index] for run in runs] for runs in (live, bare))
        ratio = paired_ratio(ours, theirs)
        times = f"{median(ours) / 1e3:.1f} µs against {median(theirs) / 1e3:.1f} µs"
        measured = f"{ratio.value:.2f}× [{ratio.low:.2f}–{ratio.high:.2f}] ({times})"
        yield (f"{name} of a 1 µs operation in a live lab ÷ in a bare script", must, measured)


def _bare() -> list[float]:
    code = OPERATION + BARE.replace("SECONDS", str(SECONDS))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(part) for part in done.stdout.split()]


def _write_notebook(path: Path, cells: list[str]) -> None:
    parsed = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": text}
        for i, text in enumerate(cells)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path.write_text(
        json.dumps({"cells": parsed, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})
    )
