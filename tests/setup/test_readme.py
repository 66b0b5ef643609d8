"""The README says which ways in are tried, and names options that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
MAX_WORDS = 1_300
WAYS = {"make", "conda", "Binder", "Voilà", "Notebook 7", "JupyterHub"}


def ways_in() -> list[list[str]]:
    """The cells of each row: what it is, how it is done, what tries it."""
    table = README.split("| way | how | tried |\n|---|---|---|\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]


def test_each_way_in_is_tried_by_a_test_or_said_not_to_be() -> None:
    rows = ways_in()
    assert [sum(name.startswith(way) for name, _, _ in rows) for way in WAYS] == [1] * len(WAYS) and len(rows) == len(
        WAYS
    )
    for name, _, tried in rows:
        tests = re.findall(r"`(tests/\S+)`", tried)
        assert tests or "not tried" in tried, name
        assert all((REPOSITORY / test).is_file() for test in tests), name


def test_the_first_sentence_says_that_it_measures_the_readers_machine_beside_theory() -> None:
    first = README.split("\n\n")[1].split(". ")[0]
    assert all(word in first for word in ("measure", "**your** machine", "live", "theory"))


def test_it_stays_short() -> None:
    assert len(README.partition("<!-- gallery -->")[0].split()) <= MAX_WORDS


@pytest.mark.long
def test_the_options_for_a_class_are_options_of_the_server() -> None:
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager  # takes a second

    named = re.findall(r"--MappingKernelManager\.(\w+)", README)
    assert set(named) == {"cull_idle_timeout", "cull_interval", "cull_connected"}
    assert set(named) <= set(MappingKernelManager.class_trait_names(config=True))
