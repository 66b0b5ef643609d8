"""The guide for instructors has a row for each lab of each notebook, and its code does what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from perflab.chapters.measuring_latency import stopwatch
from perflab.lab.record import Record
from perflab.lab.save import save_record
from perflab.measure.frame import Frame

REPOSITORY = Path(__file__).parents[2]
GUIDE = (REPOSITORY / "docs" / "instructor-guide.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
CODE = re.findall(r"(?ms)^```python\n(.*?)^```", GUIDE)


def labs_of(path: Path) -> list[str]:
    prose = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])
    return re.findall(r"(?m)^## (?:Lab \d: (.*))$", prose)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_lab_of_a_notebook_has_its_row(path: Path) -> None:
    section = GUIDE.partition(f"### {path.stem}\n")[2].partition("\n### ")[0].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| ([^|]+) \| (\d+) \| [^|]+ \| [^|]+\? \|$", section)
    assert [name for name, _ in rows] == (labs_of(path) or [name for name, _ in rows]) and rows
    assert "Short of time: " in section


def test_the_readme_leads_to_it() -> None:
    assert "(docs/instructor-guide.md)" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_histograms_of_a_class_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = np.random.default_rng(1).lognormal(7, 1, 4_000)
    (tmp_path / "results").mkdir()
    for started, half in (("morning", calls[:1_000]), ("noon", calls[1_000:])):
        frame = Frame({"latency_ns": half})
        for number, changed in enumerate(({}, {"batch": 1_000}, {"operation": "sleep 1 ms"})):
            chosen = stopwatch.lab().check({"operation": "dict lookup", "batch": 1, **changed})
            at = f"{started} {number}"
            record = Record("stopwatch", chosen, 1, at, frame, 1.0, "complete", chapter="measuring_latency")
            save_record(record, tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    (code,) = CODE
    exec(code, {})
    told = re.fullmatch(r"p99 of the class: ([\d,]+) ns, of 4,000 calls\n", capsys.readouterr().out)
    assert told is not None
    assert int(told[1].replace(",", "")) == pytest.approx(np.quantile(calls, 0.99, method="inverted_cdf"), rel=0.01)
