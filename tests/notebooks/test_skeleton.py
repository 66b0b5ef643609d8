"""The notebooks keep to their skeleton, and each check trips where it should."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import skeleton

import perflab.chapters
from perflab.map import NOTEBOOKS, table

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "notebooks"
FILES = sorted(FOLDER.glob("*.ipynb"))
CHAPTERS = [path for path in FILES if not path.name.startswith("00")]


def parsed(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def chapter_of(path: Path) -> str:
    return path.stem[3:].replace("-", "_")


def test_there_is_something_to_check() -> None:
    assert FILES and CHAPTERS


@pytest.mark.parametrize("check", skeleton.EVERY_NOTEBOOK, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_notebook(path: Path, check: Callable[[Any], list[str]]) -> None:
    assert check(parsed(path)) == []


@pytest.mark.parametrize("check", skeleton.EVERY_CHAPTER, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter(path: Path, check: Callable[[Any], list[str]]) -> None:
    assert check(parsed(path)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_notebook_is_on_the_map_and_shows_every_lab_of_its_chapter(path: Path) -> None:
    assert path.name in {notebook.file_name for notebook in NOTEBOOKS}
    assert skeleton.chapter_shown(parsed(path), chapter_of(path), labs_of(chapter_of(path))) == []


def labs_of(chapter: str) -> list[str]:
    folder = Path(perflab.chapters.__path__[0]) / chapter
    return sorted(path.stem for path in folder.glob("*.py") if "def lab()" in path.read_text(encoding="utf-8"))


def test_the_readme_has_the_map() -> None:
    assert table(FOLDER, "notebooks/") in (REPOSITORY / "README.md").read_text(encoding="utf-8")


GOOD = parsed(CHAPTERS[0])


def with_cell(kind: str, text: str) -> dict[str, Any]:
    bad = copy.deepcopy(GOOD)
    bad["cells"].append({"cell_type": kind, "metadata": {}, "source": text})
    return bad


def with_metadata(**changes: Any) -> dict[str, Any]:
    return {**GOOD, "metadata": changes}


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        (skeleton.stored_results, {**GOOD, "cells": [{"cell_type": "code", "outputs": [1], "source": "x"}]}),
        (skeleton.stored_results, {**GOOD, "cells": [{"cell_type": "code", "execution_count": 3, "source": "x"}]}),
        (skeleton.stored_results, with_metadata(widgets={})),
        (skeleton.kernel, with_metadata()),
        (skeleton.heading_levels, with_cell("markdown", "# A second title")),
        (skeleton.heading_levels, with_cell("markdown", "## Part\n\n#### Far below")),
        (skeleton.chapter_parts, with_cell("markdown", "## One more thing")),
        (skeleton.chapter_parts, {**GOOD, "cells": []}),
        (skeleton.cell_lengths, with_cell("code", "x = 1\n" * 16)),
        (skeleton.cell_lengths, with_cell("code", " \n")),
        (skeleton.markup, with_cell("markdown", "<b>loud</b>")),
        (skeleton.markup, with_cell("markdown", "<details></details>")),
        (skeleton.wording, with_cell("markdown", "This is simply a queue.")),
        (skeleton.wording, with_cell("code", "open('/home/me/data')")),
        (skeleton.wording, with_cell("markdown", "Look into /tmp/results.")),
        (skeleton.markup, with_cell("markdown", "<details><summary>one</summary>")),
    ],
)
def test_each_check_trips(check: Callable[[Any], list[str]], bad: dict[str, Any]) -> None:
    assert check(bad) != []


@pytest.mark.parametrize(
    ("chapter", "labs"),
    [("another_chapter", ["stopwatch"]), ("measuring_latency", ["stopwatch", "not_shown"]), ("measuring_latency", [])],
)
def test_a_foreign_chapter_and_a_lab_that_is_not_shown_are_found(chapter: str, labs: list[str]) -> None:
    notebook = {"cells": [{"cell_type": "code", "source": "from perflab.chapters.measuring_latency import stopwatch"}]}
    notebook["cells"].append({"cell_type": "code", "source": "stopwatch.lab()"})
    assert skeleton.chapter_shown(notebook, "measuring_latency", ["stopwatch"]) == []
    assert skeleton.chapter_shown(notebook, chapter, labs) != []


def test_headings_in_code_are_none_and_a_lone_backtick_hides_none() -> None:
    text = "```\n# comment\n```\n\na ` alone\n\n## Seen\n\nand ` again"
    assert skeleton.headings({"cells": [{"cell_type": "markdown", "source": text}]}) == ["## Seen"]
