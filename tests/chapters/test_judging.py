"""What learners write is judged in few words, whatever it returns or raises."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from perflab.chapters.judging import (
    Case,
    as_number,
    attempt,
    decision,
    is_function,
    is_run_of,
    judge,
    judge_cases,
    numbers_of,
)
from perflab.lab.record import Record
from perflab.measure.frame import Frame
from perflab.measure.guards import BadInput, is_number

TOLD = {"this": "Right: this.", "that": "That is not so."}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, 'Not done yet. Write one of: "this", "that".'),
        ("this", "Right: this."),
        ("that", "Not yet: That is not so."),
        ("x" * 500, 'is none of: "this", "that".'),
        (["this"], "['this'] is none of"),
        (7, "7 is none of"),
    ],
)
def test_one_answer_of_several(answer: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    judge(answer, TOLD)
    shown = capsys.readouterr().out
    assert said in shown and len(shown) < 100


@pytest.mark.parametrize("answer", ["Keep alive", "  keep-alive ", '"keep-alive"', "KEEP_ALIVE", "keep  alive."])
def test_case_blanks_and_hyphens_do_not_matter(answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    judge(answer, {"keep-alive": "Right: it is.", "close": "no."})
    assert capsys.readouterr().out == "Right: it is.\n"


def record(lab: str = "anatomy", samples: int = 3, status: Any = "complete") -> Record:
    return Record(lab, {}, 1, "", Frame({"latency_ns": np.ones(samples)}), 1.0, status)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (record(), ""),
        (record("make_it_fast"), "Not yet: this is a run of the lab 'make it fast'; it should be one of 'anatomy'."),
        (record(samples=0), "has measured nothing"),
        (record(status="failed"), "has measured nothing"),
        ("81", "'81' is no run. Keep what `lab.run(...)` returns."),
        (lambda: None, "is no run"),
        ((record(),), "is no run"),
    ],
)
def test_what_is_no_run_of_the_lab_is_said(given: Any, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert is_run_of(given, "anatomy") == (said == "")
    assert said in capsys.readouterr().out


def test_a_run_needs_the_settings_and_the_numbers_that_are_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert not is_run_of(record(), "anatomy", settings=("calls",))
    assert "this run has no setting 'calls', so it is not one of this notebook's lab" in capsys.readouterr().out
    broken = Record("anatomy", {}, 1, "", Frame({"latency_ns": np.array([1.0, np.nan])}), 1.0)
    assert not is_run_of(broken, "anatomy")
    assert capsys.readouterr().out == "Not yet: this run has values that are no numbers (NaN). Run it again.\n"


NUMBERS: list[tuple[Any, float | None]] = [
    (2, 2.0),
    (Fraction(1, 2), 0.5),
    (Decimal("0.5"), 0.5),
    (np.float32(0.5), 0.5),
    (np.array(3), 3.0),
    (np.array([3.0]), 3.0),
    (10**400, math.inf),
    (-(10**400), -math.inf),
    (True, None),
    (np.array(True), None),
    (np.ones(2), None),
    ("2", None),
    ([2.0], None),
    (2j, None),
    (None, None),
]


@pytest.mark.parametrize(("value", "expected"), NUMBERS)
def test_numbers_of_any_kind_are_numbers(value: Any, expected: float | None) -> None:
    assert as_number(value) == expected


@pytest.mark.parametrize(
    "returned",
    [[1, 2], (1.0, 2.0), np.array([1, 2]), iter([1, 2]), [Decimal(1), Fraction(2)]],
)
def test_any_iterable_of_numbers_is_a_list_of_them(returned: Any) -> None:
    assert numbers_of(returned, 2) == [1.0, 2.0]


def test_an_endless_one_is_looked_at_no_further_than_needed() -> None:
    assert numbers_of(itertools.count(), 2) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "is there a `return`"),
        ("12", "returned '12'"),
        ({1: 2}, "returned {1: 2}"),
        (3.0, "returned 3.0"),
        (["1"], "not every value is a number"),
        ([1, True], "not every value is a number"),
    ],
)
def test_what_is_no_list_of_numbers_is_refused(returned: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        numbers_of(returned, 5)


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (True, True),
        (False, False),
        (np.True_, True),
        (np.array(False), False),
        (0, False),
        (3, True),
        (Decimal(0), False),
    ],
)
def test_a_policy_says_yes_or_no(returned: Any, says: bool) -> None:
    assert decision(returned) is says


@pytest.mark.parametrize("returned", [None, "no", "", [], [False], math.nan, {}, np.ones(2, bool), iter([])])
def test_what_says_neither_is_refused(returned: Any) -> None:
    with pytest.raises(BadInput, match="it should return True or False"):
        decision(returned)


def test_what_is_no_function_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert is_function(len, "") and capsys.readouterr().out == ""
    assert not is_function([1] * 999, "Pass its name, without brackets.")
    assert "is no function. Pass its name, without brackets." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (1, True),
        (1.5, True),
        (np.int64(1), True),
        (np.float32(1.5), True),
        (Fraction(1, 2), True),
        (True, False),
        (np.True_, False),
        ("1", False),
        (None, False),
        (1j, False),
    ],
)
def test_what_a_number_is(value: Any, is_one: bool) -> None:
    assert is_number(value) == is_one


def no_answer(error: BaseException) -> Any:
    def call() -> Any:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("load"), "Use it so. KeyError: 'load'"),
        (BadInput("It returned 4."), "Use it so. It returned 4."),
        (RuntimeError("word " * 500), "Use it so. RuntimeError: word word"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (SystemExit(0), "SystemExit: 0"),
    ],
)
def test_what_is_raised_is_said_and_not_thrown(
    error: BaseException, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attempt(no_answer(error), "Use it so.") is None
    shown = capsys.readouterr().out
    assert said in shown and len(shown) < 200


def test_what_is_returned_is_handed_on_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert attempt(lambda: 3, "Use it so.") == 3
    assert capsys.readouterr().out == ""


def test_who_interrupts_is_not_held_up() -> None:
    def call() -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(call, "Use it so.")


@pytest.mark.parametrize(
    "found", [2, 2.5, 1.5, np.int64(2), np.float32(2.4), Fraction(9, 4), Decimal("2.1"), np.array(2.2), np.array([2])]
)
def test_an_answer_that_is_near_enough_is_right(found: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge_cases([Case("two:", lambda: found, 2.0, 0.5)], "that is so.")
    assert capsys.readouterr().out == "Right: that is so.\n"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (np.float32(2.75), "two: yours says 2.75 ms; it is 2 ms."),
        (float("nan"), "yours says nan ms"),
        (None, "yours says None; it is 2 ms."),
        (True, "yours says True; it is"),
        ([1] * 500, "yours says [1, 1,"),
        (10**400, "yours says inf ms"),
    ],
)
def test_a_wrong_answer_is_shown_beside_the_right_one(
    found: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    judge_cases([Case("one:", lambda: 1, 1, 0), Case("two:", lambda: found, 2.0, 0.5)], "so it is.", "runs", " ms")
    shown = capsys.readouterr().out
    assert said in shown and "Still wrong for 1 of 2 runs" in shown and len(shown) < 200


def test_a_case_whose_answer_fails_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert not judge_cases([Case("two:", no_answer(ZeroDivisionError("division by zero")), 2.0, 0.5)], "so it is.")
    assert "two: yours fails (ZeroDivisionError: division by zero); it is 2." in capsys.readouterr().out
