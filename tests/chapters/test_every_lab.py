"""What is promised of every lab: each control changes the model and the measurement, each stays within its limits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from labs import Measured, constants_of, find_labs, measure, measure_slices

from perflab.lab.conductor import STOP_S
from perflab.lab.controls import Slider
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge

LABS = find_labs()
CONTROLS = [(name, control) for name, lab in LABS.items() for control in lab().controls]
ENOUGH = 1.3
RUN_S = 0.3
ROUNDS = 5
SLICE_LIMIT_S = STOP_S + 0.1


@cache
def constants(name: str) -> Mapping[str, Any] | None:
    return constants_of(LABS[name]())


def ends(name: str, control: str) -> tuple[Any, Any]:
    values = LABS[name]().controls[control].values
    return values[0], values[-1]


def test_there_are_labs_with_controls() -> None:
    assert len(LABS) >= 5
    assert len(CONTROLS) >= 11


@cache
def pictures_of(name: str) -> tuple[list[Picture], list[bytes]]:
    """A picture of each panel, and what they delivered: to lay one out takes far longer than to redraw it."""
    drawn: list[bytes] = []
    return [Picture(panel, 400, 250, drawn.append) for panel in LABS[name]().panels], drawn


@pytest.mark.parametrize(("name", "control"), CONTROLS)
def test_each_control_changes_the_picture_of_the_model(name: str, control: str) -> None:
    pictures, drawn = pictures_of(name)
    seen = []
    for value in ends(name, control):
        lab = LABS[name]()
        parameters = lab.check({control: value})
        model = lab.model(parameters, constants(name))
        drawn.clear()
        for picture in pictures:
            picture.show_model(parameters, model)
        seen.append(list(drawn))
    assert seen[0] != seen[1]


@pytest.mark.parametrize(("name", "control"), CONTROLS)
def test_each_control_changes_the_measurement(name: str, control: str) -> None:
    low, high = (measured_once(name, {control: value}).frame for value in ends(name, control))
    # Between the two the machine may have become quicker or slower: where that hides it, they are measured in turns.
    assert differ(low, high) or differ(*in_turns(name, control))


def in_turns(name: str, control: str) -> list[Frame]:
    """Several runs at each end of a control, the two always beside each other."""
    rounds = [
        [measure(LABS[name](), RUN_S, **{control: value}) for value in ends(name, control)] for _ in range(ROUNDS)
    ]
    return [merge(frames) for frames in zip(*rounds, strict=True)]


def measured_once(name: str, changes: Mapping[str, Any]) -> Measured:
    """A run with some controls moved, shared by all tests here: a run costs seconds, and there are many labs."""
    return _measured(name, tuple(LABS[name]().check(changes).items()))


@cache
def _measured(name: str, parameters: tuple[tuple[str, Any], ...]) -> Measured:
    return measure_slices(LABS[name](), RUN_S, fewest=2, **dict(parameters))


def differ(a: Frame, b: Frame) -> bool:
    """Whether facts, counts, numbers of samples, or quantiles of any column differ clearly."""
    if dict(a.facts) != dict(b.facts) or set(a.samples) != set(b.samples):
        return True
    # More calls between two readings of the clock leave the time of one call as it is.
    if any(
        max(pair) > ENOUGH * max(1, min(pair)) for pair in ((n, b.counts.get(name, 0)) for name, n in a.counts.items())
    ):
        return True
    for column in a.samples:
        first, second = a.samples[column].astype(float), b.samples[column].astype(float)
        pairs = [(first.size, second.size), *zip(spread(first), spread(second), strict=True)]
        if any(max(pair) > ENOUGH * max(1e-9, min(pair)) for pair in pairs):
            return True
    return False


def spread(column: np.ndarray) -> list[float]:
    return [float(value) for value in np.quantile(column, [0.1, 0.5, 0.9, 0.99])]


def test_the_comparison_itself_sees_no_difference_where_there_is_none() -> None:
    same = Frame({"latency_ns": np.arange(1, 100)})
    assert not differ(same, Frame({"latency_ns": np.arange(1, 100)}))
    assert not differ(Frame(counts={"calls": 100}), Frame(counts={"calls": 120}))
    assert differ(Frame(counts={"calls": 100}), Frame(counts={"calls": 200}))
    assert differ(same, Frame({"latency_ns": np.arange(1, 100) * 2}))


@pytest.mark.parametrize("name", LABS)
def test_the_model_is_there_within_a_blink(name: str) -> None:
    lab = LABS[name]()
    parameters = lab.check({})
    known = constants(name)
    times = []
    for _ in range(15):
        started = time.perf_counter()
        lab.model(parameters, known)
        times.append(time.perf_counter() - started)
    assert sorted(times)[len(times) // 2] < 0.05, "ten times the 5 ms promised: a wide margin for a busy machine"


@pytest.mark.parametrize("name", LABS)
def test_slices_are_short_enough_to_be_stopped_between(name: str) -> None:
    controls = LABS[name]().controls
    for changes in ({}, *({control: value} for control in controls for value in ends(name, control))):
        _, *later = measured_once(name, changes).slices_s
        # The shortest: what a busy machine adds to a slice is not the lab's doing.
        assert not later or min(later) < SLICE_LIMIT_S


@pytest.mark.parametrize("name", LABS)
def test_verdict_table_and_prediction_speak_about_a_real_run(name: str) -> None:
    lab = LABS[name]()
    record = Record(lab.name, lab.check({}), 1, "2026-01-01", measured_once(name, {}).frame, RUN_S, "complete")
    assert len(lab.verdict_of(record, None).text) > 20
    assert lab.verdict_of(record, record).text
    rows = lab.table_of(record, None)
    assert len(rows) >= 2
    assert all(isinstance(cell, str) for row in rows for cell in row)
    if lab.prediction is not None:
        for answer in lab.prediction.choices:
            assert answer in lab.prediction.comment(answer, [record])
        assert lab.prediction.settle([record]) in (None, *lab.prediction.choices)


@pytest.mark.parametrize("name", LABS)
def test_questions_and_labels_are_there(name: str) -> None:
    lab = LABS[name]()
    assert lab.question.endswith("?")
    assert lab.code.startswith("def ")
    for control in lab.controls.values():
        assert len(control.values) >= 2
        if isinstance(control, Slider):
            assert control.unit, "a number without a unit says nothing"
