"""Links to Binder stand where the repository's address is known, and are in step with it."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LINKS = runpy.run_path(str(REPOSITORY / "docs" / "links.py"))
FILES = ("README.md", "pyproject.toml", "notebooks/00-start-here.ipynb", "notebooks/01-highway.ipynb")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    (tmp_path / "notebooks").mkdir()
    for name in FILES:
        shutil.copy(REPOSITORY / name, tmp_path / name)
    return tmp_path


def texts(folder: Path) -> list[str]:
    return [(folder / name).read_text() for name in FILES]


def test_they_are_written_for_each_notebook_and_taken_away_without_an_address(copied: Path) -> None:
    before, project = texts(copied), (copied / "pyproject.toml").read_text()
    (copied / "pyproject.toml").write_text(
        f'{project}\n[project.urls]\nRepository = "https://github.com/someone/lab"\n'
    )
    LINKS["write"](copied)
    link = "https://mybinder.org/v2/gh/someone/lab/HEAD?urlpath=lab%2Ftree%2Fnotebooks%2F01-highway.ipynb"
    readme, first = (copied / FILES[0]).read_text(), json.loads((copied / FILES[2]).read_text())
    assert f"({link}) 01-highway\n" in readme and readme.count("badge_logo") == 2
    assert sum(link in "".join(cell["source"]) for cell in first["cells"]) == 1
    (copied / "pyproject.toml").write_text(project)
    LINKS["write"](copied)
    assert texts(copied) == before


def test_the_repository_is_in_step(copied: Path) -> None:
    for notebook in (REPOSITORY / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, copied / "notebooks" / notebook.name)
    before = texts(copied)
    LINKS["write"](copied)
    assert texts(copied) == before


def test_elsewhere_than_on_github_the_whole_address_is_given() -> None:
    link = LINKS["binder_link"]("https://git.example.org/lab.git", "00-start-here.ipynb")
    assert link.startswith("https://mybinder.org/v2/git/https%3A%2F%2Fgit.example.org%2Flab/HEAD?urlpath=")


def test_a_text_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks <!-- links -->"):
        LINKS["between"]("no markers", "")
