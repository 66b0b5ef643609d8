"""Which control differs between two runs: what a headline may call the cause."""

from __future__ import annotations

from typing import Any

import pytest

from perflab.chapters.changes import only_change
from perflab.lab.record import Record


def run(**parameters: Any) -> Record:
    return Record("any", {"rate": 100, "workers": 4, **parameters}, 1, "")


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"rate": 200}, "rate"), ({"workers": 8}, "workers"), ({}, ""), ({"rate": 200, "workers": 8}, "")],
)
def test_one_control_that_differs_is_named(changes: dict[str, Any], name: str) -> None:
    assert only_change(run(**changes), run()) == only_change(run(), run(**changes)) == name


def test_without_a_pinned_run_nothing_has_changed() -> None:
    assert only_change(run(), None) == ""
