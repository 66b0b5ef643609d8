"""What settles a prediction: the newest runs with the settings in question."""

from __future__ import annotations

import math
from typing import Any

import pytest

from perflab.lab.record import Record
from perflab.lab.settle import nearest, one_run, pairs, two_runs


def run(seed: int, **parameters: Any) -> Record:
    """The seed tells runs with the same settings apart."""
    return Record("any", parameters, seed, "")


@pytest.mark.parametrize(
    ("value", "choice"), [(1.0, "×1"), (3.0, "×1"), (3.3, "×10"), (31, "×10"), (32, "×100"), (1e9, "×100"), (0.0, "×1")]
)
def test_the_nearest_choice_is_nearest_as_a_ratio(value: float, choice: str) -> None:
    assert nearest({"×1": 1.0, "×10": 10.0, "×100": 100.0}, value) == choice


def test_choices_below_one_are_ratios_too() -> None:
    assert nearest({"half": 0.5, "a tenth": 0.1}, math.sqrt(0.05) * 1.01) == "half"


def test_one_run_is_the_newest_with_the_settings_in_question_that_shows_anything() -> None:
    settle = one_run(lambda record: f"run {record.seed}" if record.seed != 3 else None, rate=400)
    one, two, silent, elsewhere = run(1, rate=400, stall=1), run(2, rate=400, stall=2), run(3, rate=400), run(4, rate=5)
    assert settle([one, two, silent, elsewhere]) == "run 2"
    assert settle([one, silent]) == "run 1"
    assert settle([silent, elsewhere]) is None
    assert settle([]) is None


def test_without_settings_any_run_can_settle_and_it_may_find_more_than_text() -> None:
    assert one_run(lambda record: (record.seed > 1, "numbers"))([run(1), run(2)]) == (True, "numbers")


def test_two_runs_differ_in_one_control_only_and_come_with_less_of_it_first() -> None:
    settle = two_runs("workers", lambda less, more: f"{less.seed} then {more.seed}")
    assert settle([run(1, workers=8, rate=5), run(2, workers=1, rate=5)]) == "2 then 1"
    assert settle([run(1, workers=8, rate=5), run(2, workers=1, rate=6)]) is None, "they differ in the rate too"
    assert settle([run(1, workers=1, rate=5), run(2, workers=1, rate=5)]) is None, "they differ in nothing"
    assert settle([]) is None


def test_the_newest_pair_that_shows_anything_settles() -> None:
    runs = [run(1, workers=1), run(2, workers=2), run(3, workers=1), run(4, workers=4)]
    assert [(less.seed, more.seed) for less, more in pairs(runs, "workers")] == [(3, 4), (2, 4), (1, 4), (3, 2), (1, 2)]
    only_twice = two_runs(
        "workers",
        lambda less, more: (
            f"{less.seed}, {more.seed}" if more.parameters["workers"] == 2 * less.parameters["workers"] else None
        ),
    )
    assert only_twice(runs) == "2, 4"
