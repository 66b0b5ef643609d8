"""Whatever a learner hands over to a check of any notebook is answered in a sentence, and never by a traceback."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import re
import signal
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perflab.chapters import deadline
from perflab.lab.record import Record
from perflab.measure.frame import Frame

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
ELSEWHERE = Record("another_lab", {"rate": 5}, 1, "", Frame({"latency_ns": np.ones(9)}), 1.0, "complete")
MAX_CHARS = 500


def checks() -> list[str]:
    """Every check that a cell of a notebook calls, as "02 perflab.chapters.measuring_latency.lies.check_the_lie"."""
    found: dict[str, None] = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        code = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])
        chapter = re.search(r"from (perflab\.chapters\.\w+) import", code)
        for module, name in re.findall(r"^(\w+)\.(check\w*)\(", code, re.MULTILINE):
            assert chapter is not None, path.name
            found[f"{path.name[:2]} {chapter[1]}.{module}.{name}"] = None
    return list(found)


def leaves(*_: Any) -> None:
    sys.exit()


FAR = 200_000
"""An endless answer is not followed so far: it would fill the memory."""


def endless(*_: Any) -> Iterator[int]:
    yield from range(FAR)
    pytest.fail("it wants all of an endless answer")


SLIPS: dict[str, Any] = {
    "nothing": None,
    "a number": -81,
    "text": "81 km/h",
    "bytes": b"x",
    "a tuple": (1, 2),
    "a dictionary": {},
    "NaN": math.nan,
    "a truth value": True,
    "Decimal": Decimal("-1.5"),
    "too large a number": 10**400,
    "an array": np.ones(3),
    "a run of another lab": ELSEWHERE,
    "no argument": lambda: None,
    "one argument more": lambda a, b, c, d, e, f, g: None,
    "returns None": lambda *_: None,
    "returns text": lambda *_: "81",
    "returns NaN": lambda *_: math.nan,
    "returns a list of lists": lambda *_: [[1], [2]],
    "returns complex": lambda *_: 1j,
    "endless generator": endless,
    "raises": lambda *_: {}["x"],
    "leaves": leaves,
    "a class": object,
    "type": int,
}


@pytest.mark.long
@pytest.mark.parametrize("check", checks())
def test_each_slip_is_told_in_words(check: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, _, name = check[3:].rpartition(".")
    function = getattr(importlib.import_module(module), name)
    for slip, value in SLIPS.items():
        function(*[value] * len(inspect.signature(function).parameters))
        told = capsys.readouterr()
        assert 0 < len(told.out.strip()) < MAX_CHARS and told.out.count("\n") <= 3, (slip, told.out)
        assert not told.err and "Traceback" not in told.out, (slip, told)
        assert not told.out.startswith(("Right", "That works")), (slip, told.out)


def hangs(*_: Any) -> None:
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            pass


@pytest.mark.long
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="without signals the kernel's Interrupt ends it")
@pytest.mark.parametrize("check", checks())
def test_a_function_that_never_returns_is_told_in_words(
    check: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deadline, "MAX_S", 0.2)
    monkeypatch.setattr(deadline, "AGAIN_S", 0.05)
    module, _, name = check[3:].rpartition(".")
    function = getattr(importlib.import_module(module), name)
    function(*[hangs] * len(inspect.signature(function).parameters))
    told = capsys.readouterr().out
    assert 0 < len(told.strip()) < MAX_CHARS and not told.startswith(("Right", "That works")), told


def test_all_notebooks_with_exercises_have_their_checks_here() -> None:
    tried = {check[:2] for check in checks()}
    assert tried >= {path.name[:2] for path in NOTEBOOKS.glob("*.ipynb")} - {"00"}
