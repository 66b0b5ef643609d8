"""How much a learner gets at once: words and labs of a notebook, controls of a lab, and questions that their click settles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import skeleton

from perflab.lab import Lab

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MAX_WORDS, MAX_LABS, MAX_CONTROLS = 2_200, 4, 4


def words_of(path: Path) -> int:
    """Words of a notebook's prose, folded answers with the rest; without code and marks such as `##` and `|`."""
    text = re.sub(r"</?\w+>", " ", skeleton.prose(json.loads(path.read_text(encoding="utf-8"))))
    return sum(any(letter.isalnum() for letter in word) for word in text.split())


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
