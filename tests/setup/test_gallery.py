"""The README shows a picture of each lab, and the pictures are there."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MOVING, MOST_BYTES = ("docs/slider.gif", "docs/replay.gif"), 1_000_000


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr(sys, "path", [str(REPOSITORY / "docs"), *sys.path])
    return runpy.run_path(str(REPOSITORY / "docs" / "gallery.py"))


def names(gallery: dict[str, object]) -> list[str]:
    return [
        name for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")) for name in gallery["labs"](path).values()
    ]


def test_each_lab_has_its_picture_and_no_picture_is_left_of_another(gallery: dict[str, object]) -> None:
    kept = REPOSITORY / gallery["FOLDER"]
    assert sorted(path.stem for path in kept.glob("*.png")) == sorted(names(gallery)) != []
    findings = json.loads((kept / gallery["FINDINGS"]).read_text())
    assert sorted(findings) == sorted(names(gallery)) and all(findings.values())


def test_the_readme_is_in_step(gallery: dict[str, object], tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "README.md", tmp_path)
    shutil.copytree(REPOSITORY / "notebooks", tmp_path / "notebooks")
    shutil.copytree(REPOSITORY / gallery["FOLDER"], tmp_path / gallery["FOLDER"])
    gallery["write"](tmp_path)
    assert (tmp_path / "README.md").read_text() == (REPOSITORY / "README.md").read_text()


@pytest.mark.parametrize("name", MOVING)
def test_the_moving_pictures_load_quickly(name: str) -> None:
    assert 0 < (REPOSITORY / name).stat().st_size <= MOST_BYTES


def test_a_lab_counts_where_it_is_shown(gallery: dict[str, object], tmp_path: Path) -> None:
    codes = (
        "from perflab.chapters.one import first\nfirst.lab()",
        "lab = second.lab()\nlab.run()",
        "%pip list",
        "third.lab()",
    )
    cells = [{"cell_type": "code", "source": [code]} for code in codes] + [
        {"cell_type": "markdown", "source": ["a.lab()"]}
    ]
    notebook = tmp_path / "04-some.ipynb"
    notebook.write_text(json.dumps({"cells": cells}))
    assert gallery["labs"](notebook) == {0: "04-first", 3: "04-third"}
