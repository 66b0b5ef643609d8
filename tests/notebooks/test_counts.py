"""No notebook and no lab asks too much of a learner at once."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from counts import (
    MAX_CONTROLS,
    MAX_EXPLANATION_WORDS,
    MAX_LABS,
    MAX_WORDS,
    NOTEBOOKS,
    explanations_of,
    labs_of,
    settled_by_its_click,
    share_settled,
    tries_of,
    words_of,
)
from labs import find_labs

LABS = find_labs()
LABS_IN = {
    "03-where-latency-comes-from": 5,
    "05-raising-throughput": 5,
    "06-trade-off": 5,
    "08-caching-strategies": 5,
}
"""Notebooks with more labs than they should have."""
SWITCHBOARDS = {"where_latency_comes_from.make_it_fast": 6}
"""Labs whose controls are the measures that they compare, a switch for each."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_read_in_one_sitting(path: Path) -> None:
    assert words_of(path) <= MAX_WORDS
    assert labs_of(path) <= LABS_IN.get(path.stem, MAX_LABS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_lab_has_a_short_explanation(path: Path) -> None:
    words = explanations_of(path)
    assert len(words) == labs_of(path)
    assert all(0 < count <= MAX_EXPLANATION_WORDS for count in words), words


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_everything_to_try_has_an_answer(path: Path) -> None:
    tries = tries_of(path)
    assert len(tries) == labs_of(path)
    assert all(0 < asked == answered for asked, answered in tries), tries


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


def test_answers_are_counted_whether_folded_one_by_one_or_as_a_list(tmp_path: Path) -> None:
    fold = "<details><summary>Answer</summary>\n\n{}\n\n</details>\n\n"
    explain = "### Explain\n\n" + fold.format("one `two` three") + "More.\n\n"
    one_by_one = "### Try\n\n1. this\n\n" + fold.format("yes") + "2. that\n\n" + fold.format("no")
    lists = "### Try\n\n- this\n- that\n- and that\n\n" + fold.format("- yes\n- no")
    path = tmp_path / "one.ipynb"
    cells = [{"cell_type": "markdown", "source": text} for text in (explain, one_by_one, "## Lab 2", lists)]
    path.write_text(json.dumps({"cells": cells}))
    assert explanations_of(path) == [len(["one", "three"])]
    assert tries_of(path) == [(2, 2), (3, 2)]
