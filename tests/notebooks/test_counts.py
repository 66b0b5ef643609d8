"""No notebook and no lab asks too much of a learner at once."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from counts import MAX_CONTROLS, MAX_LABS, MAX_WORDS, NOTEBOOKS, labs_of, settled_by_its_click, share_settled, words_of
from labs import find_labs

LABS = find_labs()
LONGER = {
    "03-where-latency-comes-from": (2_700, 5),
    "05-raising-throughput": (2_750, 5),
    "06-trade-off": (2_750, 6),
}
"""Notebooks with more words and labs than they should have: they only get shorter."""
SWITCHBOARDS = {"where_latency_comes_from.make_it_fast": 6}
"""Labs whose controls are the measures that they compare, a switch for each."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_read_in_one_sitting(path: Path) -> None:
    most_words, most_labs = LONGER.get(path.stem, (MAX_WORDS, MAX_LABS))
    assert words_of(path) <= most_words
    assert labs_of(path) <= most_labs


@pytest.mark.parametrize("name", LABS)
def test_a_lab_has_few_controls(name: str) -> None:
    assert 1 <= len(LABS[name]().controls) <= SWITCHBOARDS.get(name, MAX_CONTROLS)


@pytest.mark.parametrize("name", sorted(LABS))
def test_a_question_is_settled_by_its_click(name: str) -> None:
    lab = LABS[name]()
    assert lab.prediction is None or settled_by_its_click(lab)


def test_the_share_of_settled_questions_counts_those_that_ask() -> None:
    def lab(prediction: Any) -> Any:
        return lambda: SimpleNamespace(prediction=prediction)

    asked = [lab(None), lab(SimpleNamespace(runs=({"rows": 1},))), lab(SimpleNamespace(runs=()))]
    assert share_settled(asked) == (1, 2)


def test_code_is_not_counted_and_folded_answers_are(tmp_path: Path) -> None:
    text = "# One\n\n## Lab 1: two\n\n<details><summary>three</summary>\n\nfour `five six`\n\n</details>\n\n```\nseven\n```"
    cells = [{"cell_type": "markdown", "source": text}, {"cell_type": "code", "source": "eight = 9"}]
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert words_of(path) == len(["One", "Lab", "1:", "two", "three", "four"])
    assert labs_of(path) == 1
