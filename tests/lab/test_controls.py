"""Controls: steps, texts, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.lab.controls import check_parameters, choice, log_slider, slider, switch, values_slider
from perflab.measure.guards import BadInput

ROWS = log_slider(100, 1_000_000, 1_000, unit="rows")


def test_a_log_slider_steps_by_one_two_five_and_holds_both_ends() -> None:
    assert log_slider(100, 5_000, 200).values == (100, 200, 500, 1_000, 2_000, 5_000)
    assert log_slider(3, 70, 10).values == (3, 5, 10, 20, 50, 70)


def test_an_even_slider_holds_both_ends() -> None:
    assert slider(0, 1, 0.5, 0.25, whole=False).values == (0, 0.25, 0.5, 0.75, 1)


def test_steps_read_with_thousands_and_unit() -> None:
    assert dict(ROWS.options())["1,000 rows"] == 1_000


def test_what_code_has_chosen_is_a_step_in_its_place() -> None:
    three = slider(1, 3, 1)
    assert [value for _, value in three.options(2)] == [1, 2, 3]
    assert [value for _, value in log_slider(1, 10, 1).options(7)] == [1, 2, 5, 7, 10]


def test_a_start_that_is_no_step_is_a_mistake_of_the_author() -> None:
    with pytest.raises(ValueError, match="not one of its steps"):
        log_slider(1, 100, 3)


@given(st.integers(100, 1_000_000))
def test_code_may_pass_any_whole_number_between_the_ends(value: int) -> None:
    assert ROWS.check("rows", value) == value


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 0, -5, 99, 1_000_001, 10**12, 150.5, "", "many", None, True, []]
)
def test_a_slider_refuses_bad_values_naming_the_field_and_the_range(value: Any) -> None:
    with pytest.raises(BadInput, match="rows") as refusal:
        ROWS.check("rows", value)
    assert "100" in str(refusal.value) and "1,000,000" in str(refusal.value)


@pytest.mark.parametrize("value", ["fast", 1, None, 1.0])
def test_a_choice_refuses_what_is_not_on_its_list(value: Any) -> None:
    with pytest.raises(BadInput, match="indexed must be one of False, True"):
        switch(True).check("indexed", value)


def test_an_unknown_control_is_named_together_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="row is not a control of this lab; its controls are rows, mode"):
        check_parameters({"rows": ROWS, "mode": choice(["a", "b"])}, {"row": 5})


def test_what_is_not_given_takes_its_start() -> None:
    controls = {"rows": ROWS, "mode": choice(["a", "b"], "b"), "size": values_slider([1, 4, 16], 4)}
    assert check_parameters(controls, {"rows": 500}) == {"rows": 500, "mode": "b", "size": 4}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1, "threads", "1 thread"),
        (2, "threads", "2 threads"),
        (1, "ms", "1 ms"),
        (1, "s", "1 s"),
        (1, "requests/s", "1 requests/s"),
    ],
)
def test_one_of_something_is_not_called_by_its_plural(value: int, unit: str, text: str) -> None:
    assert slider(0, 5, 1, unit=unit).text(value) == text


def test_a_value_may_have_a_name_beside_its_number() -> None:
    way = values_slider([1, 20], 1, unit="ms", called=lambda ms: "same city" if ms < 10 else "same country")
    assert [text for text, _ in way.options(5)] == ["1 ms, same city", "5 ms, same city", "20 ms, same country"]


def test_a_value_without_a_name_stands_alone() -> None:
    wait = values_slider([0, 20], 0, unit="ms", called=lambda ms: "" if ms else "no timer")
    assert [text for text, _ in wait.options()] == ["0 ms, no timer", "20 ms"]
