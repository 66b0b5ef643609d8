"""What a model knows of this machine: all of it after one calibration, or after one for each value of a control."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from perflab.lab import Lab, choice, slider
from perflab.lab.calibration import Calibration
from perflab.measure.frame import Frame

FIRST, SECOND = {"store": "file", "rows": 10}, {"store": "memory", "rows": 10}


def once() -> Iterator[Frame]:
    yield Frame()


def by_store(store: str, of_no_control: int = 3) -> Iterator[Frame]:
    yield Frame()


def calibration(calibrate: Any) -> Calibration:
    lab = Lab(
        question="Which?",
        experiment=by_store,
        controls={"store": choice(("file", "memory")), "rows": slider(0, 100, 10)},
        charts=(),
        calibrate=calibrate,
    )
    return Calibration(lab)


def test_a_lab_without_one_needs_none() -> None:
    known = calibration(None)
    assert not known.is_needed and known.missing(FIRST, SECOND) is None and known.constants == {}


def test_one_without_arguments_is_enough_for_all_settings() -> None:
    known = calibration(once)
    assert known.is_needed and known.missing(FIRST, SECOND) == {}
    known.learn({}, {"step_ns": 3})
    assert not known.is_needed and known.missing(SECOND, FIRST) is None and known.constants == {"step_ns": 3}


def test_one_of_a_control_is_made_for_each_value_that_is_asked_for() -> None:
    known = calibration(by_store)
    assert known.is_needed and known.missing(FIRST, SECOND) == {"store": "file"}
    known.learn({"store": "file"}, {"file_ns": 3})
    of_first = known.constants
    assert not known.is_needed, "a model may be drawn, as far as it is known"
    assert known.missing(FIRST, {**FIRST, "rows": 20}) is None and known.missing(FIRST, SECOND) == {"store": "memory"}
    known.learn({"store": "memory"}, {"memory_ns": 1})
    assert known.missing(FIRST, SECOND) is None and known.constants == {"file_ns": 3, "memory_ns": 1}
    assert of_first == {"file_ns": 3}, "what a record of then keeps"


@pytest.mark.parametrize("calibrate", [None, once])
def test_parameters_do_not_matter_to_the_others(calibrate: Any) -> None:
    assert calibration(calibrate)._lab.calibrated_by(FIRST) == ({} if calibrate else None)
