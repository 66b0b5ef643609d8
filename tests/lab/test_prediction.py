"""Predictions: what the click measures, what settles it, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from perflab.lab.prediction import Answer, Outcome, Prediction
from perflab.lab.record import Record

CHOICES = {
    "×1": Answer("Each row is read.", "A cache held them all."),
    "×10": Answer("There is no shortcut.", "Ten times the rows are ten times the reading."),
    "×100": Answer("No row is read twice, so this cannot be."),
}


def check(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"rows": 1, "index": True, **settings}


def run(rows: int, index: bool = False, took: float = 0.0, turns: str = "", **changes: Any) -> Record:
    return Record("query", {"rows": rows, "index": index}, 1, "", measured_s=took, turns=turns, **changes)


def of_one(record: Record) -> Outcome | None:
    return Outcome("×10", f"{record.measured_s:g} s") if record.measured_s else None


def of_two(less: Record, more: Record) -> Outcome:
    return Outcome(
        "×10", f"{less.parameters['rows']} to {more.parameters['rows']}: {more.measured_s / less.measured_s:g}"
    )


ONE = Prediction("How long?", CHOICES, ({"rows": 10, "index": False},), of_one)
TWO = replace(ONE, runs=({"rows": 10, "index": False}, {"rows": 100, "index": False}), find=of_two)


def measured(prediction: Prediction, *records: Record) -> str:
    found = prediction.outcome(records, check)
    return found.measured if found else ""


def test_the_newest_run_of_exactly_these_settings_that_can_tell_settles_it() -> None:
    assert measured(ONE, run(10, took=1), run(10, took=2), run(20, took=3)) == "2 s"
    assert measured(ONE, run(10, took=1), run(10)) == "1 s", "the newest one cannot tell"
    assert measured(ONE, run(10, index=True, took=1)) == "", "another setting"
    assert measured(ONE) == ""


def test_controls_that_a_run_does_not_name_stand_at_their_starts() -> None:
    asked = replace(ONE, runs=({"rows": 10},))
    assert measured(asked, run(10, index=True, took=1)) == "1 s"
    assert measured(asked, run(10, index=False, took=1)) == ""


def test_two_settings_settle_it_where_they_were_measured_in_turns() -> None:
    less, more = run(10, took=1, turns="a"), run(100, took=9, turns="a")
    assert measured(TWO, less, more) == measured(TWO, more, less) == "10 to 100: 9"
    assert measured(TWO, less, replace(more, turns="b")) == "", "not side by side"
    assert measured(TWO, replace(less, turns=""), replace(more, turns="")) == ""
    assert measured(TWO, less) == ""


OUTCOME = Outcome("×10", "×9.7 (9.2–10.1)")


@pytest.mark.parametrize(
    ("answer", "comment"),
    [
        (
            "×10",
            "You predicted ×10, and the measurement agrees: ×9.7 (9.2–10.1). Ten times the rows are ten times the reading.",
        ),
        (
            "×1",
            "You predicted ×1. Each row is read. The measurement: ×9.7 (9.2–10.1), so the answer is ×10. "
            "Ten times the rows are ten times the reading.",
        ),
        (None, "The measurement: ×9.7 (9.2–10.1), so the answer is ×10. Ten times the rows are ten times the reading."),
    ],
)
def test_the_number_and_the_reason_are_said_and_why_a_wrong_choice_is_wrong(answer: str | None, comment: str) -> None:
    assert ONE.comment(answer, OUTCOME) == comment
