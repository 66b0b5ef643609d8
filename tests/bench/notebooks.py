"""What a whole notebook costs: memory and CPU time of kernel, worker and servers, every lab run in full."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from cpu_time import cpu_s
from notebook_browser import REPOSITORY

LAB_S = "2"
SAMPLE_S = 0.1


def rows() -> Iterator[tuple[str, str, str]]:
    """One row per notebook."""
    for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
        megabytes, cpu_s, wall_s = cost_of(path)
        measured = f"{megabytes:.0f} MB, {cpu_s:.0f} CPU-seconds ({wall_s:.0f} s)"
        yield (f"the whole notebook {path.stem}", "≤ 700 MB, ≤ 60 CPU-seconds", measured)


def cost_of(path: Path) -> tuple[float, float, float]:
    """Peak memory (MB), CPU seconds and wall seconds of the kernel and all below it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "nbconvert",
            "--execute",
            "--to",
            "notebook",
            "--output-dir",
            folder,
            str(path),
        ]
        env = {**os.environ, "PERFLAB_REHEARSE": LAB_S, "IPYTHONDIR": folder}
        started = time.monotonic()
        runner = psutil.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak, spent = 0.0, {}
        while runner.poll() is None:
            now = 0.0
            for process in _below(runner):
                try:
                    now += process.memory_info().rss / 1e6
                    spent[process.pid] = cpu_s(process)
                except psutil.Error:
                    continue
            peak = max(peak, now)
            time.sleep(SAMPLE_S)
        if runner.returncode:
            raise RuntimeError(f"{path.name} did not run to its end")
    return peak, sum(spent.values()), time.monotonic() - started


def _below(runner: psutil.Process) -> list[psutil.Process]:
    try:
        return list(runner.children(recursive=True))
    except psutil.Error:
        return []
