"""Memory of several processes: what is shared is counted once, or left out; on made-up files, and of real processes."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from perflab.measure import memory
from perflab.measure.memory import PSS, USS, Memory, memory_of

SHARED = 32 * 1_048_576


def rollup(proc: Path, name: str, rss: int, pss: int) -> None:
    (proc / name).mkdir()
    head = "55fc11af7000-7fffea68b000 ---p 00000000 00:00 0                          [rollup]\n"
    (proc / name / "smaps_rollup").write_text(f"{head}Rss:  {rss} kB\nPss:     {pss} kB\nPss_Dirty:   1 kB\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    rollup(tmp_path, "self", 1, 1)
    rollup(tmp_path, "7", 3_000, 200)
    rollup(tmp_path, "8", 3_500, 300)
    return tmp_path


def test_each_page_is_counted_once_or_for_each_process(proc: Path) -> None:
    assert memory_of((7, 8), proc) == Memory(500 * 1_024, 6_500 * 1_024, PSS, 2)
    assert memory_of((), proc) == Memory(0, 0, PSS, 0)


def test_processes_that_have_ended_are_left_out(proc: Path) -> None:
    (proc / "9").mkdir()
    (proc / "9" / "smaps_rollup").write_text("")  # a zombie
    assert memory_of((7, 9, 10), proc) == Memory(200 * 1_024, 3_000 * 1_024, PSS, 1)


def test_a_hidden_process_is_not_told_as_nothing(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_text

    def refuse(path: Path) -> str:
        if path.parent.name == "8":
            raise PermissionError
        return read(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    found = memory_of((7, 8), proc)
    assert math.isnan(found.own) and math.isnan(found.rss) and found.processes == 2


def test_elsewhere_psutil_tells_what_is_not_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def process(pid: int) -> Any:
        if pid == 9:
            raise psutil.NoSuchProcess(pid)
        return SimpleNamespace(memory_full_info=lambda: SimpleNamespace(uss=pid, rss=100 * pid))

    monkeypatch.setattr(memory.psutil, "Process", process)
    assert memory_of((1, 2, 9), tmp_path) == Memory(3, 300, USS, 2)

    def hidden(pid: int) -> Any:
        raise psutil.AccessDenied(pid)

    monkeypatch.setattr(memory.psutil, "Process", hidden)
    assert math.isnan(memory_of((1,), tmp_path).own)


FORKED = f"""
import mmap, os, sys
pages = mmap.mmap(-1, {SHARED})
pages.write(b"x" * {SHARED})
hold, kept = os.pipe()
for _ in range(4):
    if not os.fork():
        pages[::4_096]
        os.write(1, b"%d\\n" % os.getpid())  # in one piece: four of them write
        os.close(kept)
        os.read(hold, 1)
        os._exit(0)
sys.stdin.read()
"""


@pytest.fixture
def forked() -> Iterator[list[int]]:
    """Four processes that have read the same 32 MB, made before they were forked; they end with their parent."""
    command = (sys.executable, "-c", FORKED)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        yield [int(parent.stdout.readline()) for _ in range(4)]


@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="PSS is told on Linux only")
def test_the_sum_of_rss_counts_shared_memory_for_each_process(forked: list[int]) -> None:
    found = memory_of(forked)
    assert found.kind == PSS and found.processes == 4
    assert found.rss > 4 * SHARED and found.rss > 2 * found.own
