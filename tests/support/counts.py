"""How much a learner gets at once: words and labs of a notebook, controls of a lab, and questions that their click settles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import skeleton

from perflab.lab import Lab

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MAX_WORDS, MAX_EXPLANATION_WORDS, MAX_LABS, MAX_CONTROLS = 2_200, 150, 4, 4
ANSWER = r"(?s)<details>.*?</details>"


def words_of(path: Path) -> int:
    """Words of a notebook's prose, folded answers with the rest; without code and marks such as `##` and `|`."""
    return words_in(prose_of(path))


def prose_of(path: Path) -> str:
    """A notebook's Markdown without code."""
    return skeleton.prose(json.loads(path.read_text(encoding="utf-8")))


def words_in(text: str) -> int:
    """Words of a text; tags and marks are none."""
    return sum(any(letter.isalnum() for letter in word) for word in re.sub(r"</?\w+>", " ", text).split())


def explanations_of(path: Path) -> list[int]:
    """Words of each lab's folded explanation."""
    found = re.findall(r"(?s)### Explain\s+<details><summary>[^\n]*</summary>(.*?)</details>", prose_of(path))
    return [words_in(text) for text in found]


def tries_of(path: Path) -> list[tuple[int, int]]:
    """How many things each lab says to try, and how many of them have an answer: one folded for each, or a folded list."""
    sections = re.findall(r"(?ms)^### Try$(.*?)(?=^## |\Z)", prose_of(path))
    return [(items_in(re.sub(ANSWER, "", text)), sum(map(answers_in, re.findall(ANSWER, text)))) for text in sections]


def items_in(text: str) -> int:
    """Items of a text's lists."""
    return len(re.findall(r"(?m)^(?:-|\d+\.) ", text))


def answers_in(folded: str) -> int:
    return max(1, items_in(folded))


def labs_of(path: Path) -> int:
    """Labs of a notebook, by its headings."""
    headings = skeleton.headings(json.loads(path.read_text(encoding="utf-8")))
    return sum(heading.startswith("## Lab ") for heading in headings)


def settled_by_its_click(lab: Lab) -> bool:
    """Whether the click on a choice measures what decides the question."""
    return lab.prediction is not None and bool(lab.prediction.runs)


def share_settled(labs: list[Callable[[], Lab]]) -> tuple[int, int]:
    """How many questions their click settles, and how many there are."""
    asked = [lab for make in labs if (lab := make()).prediction is not None]
    return sum(map(settled_by_its_click, asked)), len(asked)
