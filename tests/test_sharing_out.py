"""The tests of a lab run in one process, wherever they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from corpus import LABS
from sharing_out import group_of

REPOSITORY = Path(__file__).parents[1]
LAB = "trade_off.levers"


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        (f"tests/chapters/test_every_lab.py::test_of_labs[{LAB}]", LAB),
        (f"tests/chapters/test_every_lab.py::test_of_controls[{LAB}-commits]", LAB),
        ("tests/chapters/trade_off/test_levers.py::test_of_its_own", LAB),
        ("tests/chapters/trade_off/test_levers.py::test_of_its_own[1-x]", LAB),
        ("tests/measure/test_slices.py::test_of_no_lab[1-x]", "tests/measure/test_slices.py"),
        ("tests/browser/test_browser.py::TestOne::test_of_a_class", "tests/browser/test_browser.py"),
    ],
)
def test_a_test_belongs_to_its_lab_or_to_its_file(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


@pytest.mark.process
def test_each_lab_is_tested_by_one_process() -> None:
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadscope", "-v", "-p", "no:cacheprovider"]
    command += ["tests/chapters/test_every_lab.py", "-k", "questions_and_labels or has_headlines"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    found = re.findall(r"\[(gw\d)\].*PASSED.*\[(\w+\.\w+)\]", done.stdout)
    assert len(found) == 2 * len(LABS), done.stdout[-2_000:]
    assert len({lab for _, lab in set(found)}) == len(set(found)), "a lab is tested by two processes"
    assert len({process for process, _ in found}) == 2
