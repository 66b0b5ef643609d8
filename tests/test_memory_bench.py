"""At which settings `make bench ONLY=memory` looks: every choice, with the largest value of each slider."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from corpus import LABS

SPEC = importlib.util.spec_from_file_location("bench_memory", Path(__file__).parent / "bench" / "memory.py")
assert SPEC is not None and SPEC.loader is not None
memory: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(memory)


def test_each_choice_is_run_with_the_largest_values_first() -> None:
    lab = LABS["web_servers.idle_connections"]()
    architectures = lab.controls["architecture"].values
    ends = memory.far_ends(lab)
    assert [each[0]["architecture"] for each in ends] == [*architectures]
    for first, *smaller in ends:
        assert (first["idle"], first["workers"], first["keep_alive"]) == (1_000, 50, 2.0)
        assert [each["idle"] for each in smaller[:4]] == [300, 100, 50, 49] and smaller[-1]["workers"] == 5
    assert all(lab.check(setting) == setting for each in ends for setting in each)


def test_choices_are_combined() -> None:
    lab = LABS["caching_strategies.which_cache"]()
    combined = len(lab.controls["cache"].values) * len(lab.controls["store"].values)
    assert len(memory.far_ends(lab)) == combined


def test_notebooks_with_servers_are_looked_at() -> None:
    assert {name.partition(".")[0] for name in LABS} >= {*memory.NOTEBOOKS.values()}


@pytest.mark.process
def test_the_peak_is_that_of_the_process_and_those_below_it() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = bytearray(50_000_000); input()'])"
    with psutil.Popen([sys.executable, "-c", code], stdin=-1) as process, memory.Watch(process.pid) as watch:
        watch.where = "here"
        process.stdin.write(b"")
        while watch.peak[0] < 50e6:
            memory.threading.Event().wait(0.05)
        process.stdin.close()
    assert 50e6 < watch.peak[0] < 300e6 and watch.peak[1] == "here"
