"""What is promised of every lab: each control changes the model and the measurement, each stays within its limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from labs import Measured, constants_of, find_labs, measure_slices

from perflab.lab import Lab
from perflab.lab.conductor import STOP_S
from perflab.lab.controls import Slider
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.measure.frame import Frame

LABS = find_labs()
CONTROLS = [(name, control) for name, lab in LABS.items() for control in lab().controls]
READ = {
    ("highway.littles_law", "window"),
    ("measuring_throughput.counting", "window"),
    ("measuring_throughput.counting", "warm_up"),
}
"""Controls that change how a run is read, not what is measured."""
MEASURED = [pair for pair in CONTROLS if pair not in READ]
TELLING: dict[tuple[str, str], dict[str, Any]] = {
    ("highway.road", "hesitation"): {"cars": 100},
    ("measuring_latency.percentiles", "factor"): {"slow": 50},
    ("measuring_throughput.batching", "max_wait"): {"size": 200},
    ("measuring_throughput.batching", "bad"): {"size": 50, "rate": 1000},
    ("measuring_throughput.workers", "kind"): {"computing": 100},
    ("raising_throughput.bottleneck", "memory"): {"cpu": 0, "network": 0},
    ("raising_throughput.bottleneck", "network"): {"cpu": 0},
    ("raising_throughput.bottleneck", "disk"): {"cpu": 0, "network": 0},
    ("raising_throughput.more_machines", "routing"): {"skew": 8},
    ("raising_throughput.more_machines", "dies"): {"servers": 2, "rate": 80},
    ("where_latency_comes_from.anatomy", "calls"): {"work": 10, "round_trip": 0},
    ("where_latency_comes_from.query", "rows"): {"index": False},
}
"""Where other controls must stand for this one to have much to say."""
PAIR = {("measuring_throughput.workers", "kind"): ("threads", "processes")}
"""What is compared where it is not a control's two ends."""
RUN_S = 0.3
LENGTH = {
    ("measuring_throughput.counting", "pause"): (1.7, 2),
    ("raising_throughput.bottleneck", "load"): (1.6, 2),
    ("raising_throughput.more_machines", "routing"): (1.0, 2),
    ("raising_throughput.more_machines", "skew"): (1.0, 2),
    ("raising_throughput.more_machines", "dies"): (1.6, 2),
    ("raising_throughput.which_strategy", "rate"): (0.0, 2),
    ("raising_throughput.which_strategy", "wait"): (0.0, 2),
    ("raising_throughput.which_strategy", "writes"): (0.0, 2),
    ("raising_throughput.which_strategy", "pages"): (0.0, 7),
}
"""Runs (s, and slices at least) in which what the control does comes late, or that must not end between two strategies."""
CLEAR, ENOUGH, PAIRS = 5.0, 1.2, 3
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
    return [Picture(panel, 400, 250, drawn.append) for panel in LABS[name]().charts], drawn


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


@pytest.mark.parametrize(("name", "control"), MEASURED)
def test_each_control_changes_the_measurement(name: str, control: str) -> None:
    pairs = [changes(*frames_of(run_both(name, control, measured_once)))]
    # Where one pair does not say it, the machine may have become quicker or slower in between: more of them do.
    while not is_effect(pairs):
        assert len(pairs) < PAIRS, [max(pair.items(), key=lambda item: abs(np.log(item[1]))) for pair in pairs]
        pairs.append(changes(*frames_of(run_both(name, control, measured))))


@pytest.mark.parametrize(("name", "control"), sorted(READ))
def test_a_control_of_how_a_run_is_read_changes_the_picture_of_one_and_the_same_run(name: str, control: str) -> None:
    pictures, drawn = pictures_of(name)
    frame = measured_once(name, {}, 1.2).frame
    seen = []
    for value in ends(name, control):
        lab = LABS[name]()
        drawn.clear()
        for picture in pictures:
            picture.show_run(record_of(lab, lab.check({control: value}), frame))
            picture.draw()
        seen.append(list(drawn))
    assert seen[0] != seen[1]


Measuring = Callable[[str, Mapping[str, Any], float, int], Measured]


def run_both(name: str, control: str, measuring: Measuring) -> list[Measured]:
    """A run at each of the two ends of a control, with the others where this one has most to say."""
    this = name, control
    others, length = TELLING.get(this, {}), LENGTH.get(this, (RUN_S, 2))
    return [measuring(name, {**others, control: value}, *length) for value in PAIR.get(this, ends(name, control))]


def measured(name: str, changed: Mapping[str, Any], seconds: float, fewest: int) -> Measured:
    """A run with some controls moved, of so many slices at least."""
    return measure_slices(LABS[name](), seconds, fewest=fewest, **changed)


def measured_once(name: str, changed: Mapping[str, Any], seconds: float = RUN_S, fewest: int = 2) -> Measured:
    """As `measured`, shared by all tests here: a run costs seconds, and there are many labs."""
    return _measured(name, tuple(LABS[name]().check(changed).items()), seconds, fewest)


@cache
def _measured(name: str, parameters: tuple[tuple[str, Any], ...], seconds: float, fewest: int) -> Measured:
    return measured(name, dict(parameters), seconds, fewest)


def changes(low: Frame, high: Frame) -> dict[str, float]:
    """How many times larger each count, number of samples, quarter, median and 90th percentile is in one of two frames.

    Without the lateness, which is not the lab's doing, and what is nothing in one of them; a column that only one has is twice.
    """
    found = {name: several(low.counts.get(name, 0), high.counts.get(name, 0)) for name in {*low.counts, *high.counts}}
    for name in {*low.samples, *high.samples} - {"lateness_ns"}:
        columns = [np.asarray(frame.samples.get(name, ()), float) for frame in (low, high)]
        found[f"number of {name}"] = several(columns[0].size, columns[1].size)
        if (name in low.samples) != (name in high.samples):
            found[name] = 2.0 if name in high.samples else 0.5
        if columns[0].size and columns[1].size:
            for share in (0.25, 0.5, 0.9):
                first, second = (float(np.quantile(column, share)) for column in columns)
                if first > 0 and second > 0:
                    found[f"{name} at {share}"] = second / first
    return found


def frames_of(runs: Sequence[Measured]) -> list[Frame]:
    return [run.frame for run in runs]


def several(low: int, high: int) -> float:
    return max(1, high) / max(1, low)


def is_effect(pairs: Sequence[Mapping[str, float]]) -> bool:
    """Whether something changed by more in one pair than a machine's mood can do, or in all of three in the same direction."""
    if any(max(change, 1 / change) > CLEAR for change in pairs[0].values()):
        return True
    common = set.intersection(*map(set, pairs))
    each = [[pair[name] for pair in pairs] for name in common]
    return len(pairs) == PAIRS and any(min(found) > ENOUGH or max(found) < 1 / ENOUGH for found in each)


def test_what_counts_as_an_effect() -> None:
    calm = {"calls": 1.1, "latency_ns at 0.5": 0.9}
    assert not is_effect([calm])
    assert is_effect([{**calm, "calls": 6.0}]) and is_effect([{**calm, "calls": 0.15}])
    slow, quick = {"latency_ns at 0.5": 1.6}, {"latency_ns at 0.5": 0.7}
    assert not is_effect([slow]), "a machine does that by itself"
    assert not is_effect([slow, slow, quick]) and not is_effect([slow, slow, calm])
    assert is_effect([slow, slow, slow]) and is_effect([quick, quick, quick])


def test_what_is_compared() -> None:
    low = Frame({"latency_ns": np.full(10, 4.0), "lateness_ns": np.ones(10), "busy": np.zeros(3)}, {"failed": 0})
    high = Frame({"latency_ns": np.full(30, 2.0), "lateness_ns": np.ones(90), "x2": np.ones(7)}, {"failed": 5})
    assert changes(low, high) == {
        "failed": 5,
        "number of latency_ns": 3,
        "latency_ns at 0.25": 0.5,
        "latency_ns at 0.5": 0.5,
        "latency_ns at 0.9": 0.5,
        "number of busy": 1 / 3,
        "busy": 0.5,
        "number of x2": 7,
        "x2": 2,
    }


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
    runs = [measured_once(name, {})]
    for lab, control in MEASURED:
        if lab == name:
            runs += run_both(name, control, measured_once)
    for run in runs:
        _, *later = run.slices_s
        # The shortest: what a busy machine adds to a slice is not the lab's doing.
        assert not later or min(later) < SLICE_LIMIT_S


@pytest.mark.parametrize("name", LABS)
def test_verdict_table_and_prediction_speak_about_a_real_run(name: str) -> None:
    lab = LABS[name]()
    record = record_of(lab, lab.check({}), measured_once(name, {}).frame)
    assert len(lab.verdict_of(record, None).text) > 20
    assert lab.verdict_of(record, record).text
    rows = lab.table_of(record, None)
    assert len(rows) >= 2
    assert all(isinstance(cell, str) for row in rows for cell in row)
    if lab.prediction is not None:
        for answer in lab.prediction.choices:
            assert answer in lab.prediction.comment(answer, [record])
        assert lab.prediction.settle([record]) in (None, *lab.prediction.choices)


def record_of(lab: Lab, parameters: Mapping[str, Any], frame: Frame) -> Record:
    return Record(lab.name, parameters, 1, "2026-01-01", frame, RUN_S, "complete")


@pytest.mark.parametrize("name", LABS)
def test_questions_and_labels_are_there(name: str) -> None:
    lab = LABS[name]()
    assert lab.question.endswith("?")
    assert lab.code.startswith("def ")
    for control in lab.controls.values():
        assert len(control.values) >= 2
        if isinstance(control, Slider):
            assert control.unit, "a number without a unit says nothing"
