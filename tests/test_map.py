"""The map of the collection."""

from __future__ import annotations

import re
from pathlib import Path

from perflab.map import NOTEBOOKS, table


def test_numbers_run_from_0_to_13_in_order() -> None:
    assert [int(notebook.slug[:2]) for notebook in NOTEBOOKS] == list(range(14))


def test_only_notebooks_that_exist_are_links(tmp_path: Path) -> None:
    (tmp_path / NOTEBOOKS[2].file_name).touch()
    linked = re.findall(r"\]\((\S+)\)", table(tmp_path, "notebooks/"))
    assert linked == [f"notebooks/{NOTEBOOKS[2].file_name}"]


def test_every_notebook_has_a_row_with_its_question(tmp_path: Path) -> None:
    rows = table(tmp_path).splitlines()[2:]
    assert len(rows) == len(NOTEBOOKS)
    for row, notebook in zip(rows, NOTEBOOKS, strict=True):
        assert notebook.slug in row
        assert notebook.question in row
        assert row.count("|") == 4
