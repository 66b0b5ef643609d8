"""Marks show their data, and nothing without data; what was measured before stays as points."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from perflab.lab import marks
from perflab.lab.chart import Axis, Chart
from perflab.lab.marks import Band, Bars, Here, Histogram, Label, Line, Mark, Note, Rule, Whiskers, before, measured
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.measure.frame import Frame

ONE = Record("any", {"workers": 1}, 1, "", Frame({"latency_ns": np.ones(1)}), status="complete")
TWO = replace(ONE, parameters={"workers": 2})


def built(mark: Mark) -> Any:
    """The mark's first artist."""
    return mark.build(Figure().subplots())[0]


def curve(_: Any) -> tuple[Any, Any]:
    return np.array([1.0, 10.0]), np.array([1.0, 5.0])


DRAWN: list[tuple[Mark, Any]] = [
    (Line("points", run=lambda run: run, color="k"), ([2.0, 8.0], [2.0, 8.0])),
    (Line("one point", run=lambda run: run, color="k", marker="o"), (5.0, 5.0)),
    (Line("named", run=lambda run: run, color="k", at="end"), ([2.0, 8.0], [2.0, 8.0])),
    (Label(run=lambda run: run, color="k"), (5.0, 5.0, "5 ms")),
    (Here("workers", curve), curve(None)),
    (Rule("x", run=lambda run: run), 5.0),
    (Rule("y", run=lambda run: run), 5.0),
    (Band("x", run=lambda run: run), (4.0, 6.0)),
    (Band("y", run=lambda run: run), (4.0, 6.0)),
    (Bars(3, run=lambda run: run), [5.0]),
    (Whiskers(run=lambda run: run, color="k"), ([5.0], [2.0], [8.0])),
    (Histogram("calls", 1, 10, run=lambda run: run, fill=True), [5.0] * 9),
    (Note(0.1, 0.9, run=lambda run: run), "CPU"),
]


def test_every_kind_of_mark_is_tested() -> None:
    kinds = {kind for _, kind in inspect.getmembers(marks, inspect.isclass) if issubclass(kind, Mark)}
    assert {type(mark) for mark, _ in DRAWN} == kinds - {Mark}


@pytest.mark.long
@pytest.mark.parametrize(("mark", "data"), DRAWN, ids=lambda value: type(value).__name__)
def test_a_mark_shows_its_data_and_nothing_without(mark: Mark, data: Any) -> None:
    drawn: list[bytes] = []
    picture = Picture(Chart("", Axis("x", 0, 10), Axis("y", 0, 10), mark), 300, 200, drawn.append)
    picture.draw()
    shown: Any = picture._panel
    empty = drawn[-1]
    shown._marks[0].draw(data)
    picture.draw()
    assert drawn[-1] != empty
    shown._marks[0].clear()
    picture.draw()
    assert drawn[-1] == empty


def test_a_mark_shows_what_its_functions_make_of_setting_model_run_runs_and_pinned_run() -> None:
    def value(of: Any) -> Any:
        return of, 0.0

    bound = {
        "setting": lambda mark: mark.show_model({"workers": 3}, None),
        "model": lambda mark: mark.show_model({}, 3),
        "run": lambda mark: mark.show_run(TWO, [ONE, TWO]),
        "runs": lambda mark: mark.show_run(TWO, [ONE, TWO]),
        "pinned": lambda mark: mark.show_pinned(ONE),
    }
    expected = {"setting": 3, "model": 3, "run": 2, "runs": 2, "pinned": 1}
    of: dict[str, Any] = {
        "setting": lambda parameters: value(parameters["workers"]),
        "model": value,
        "run": lambda run: value(run.parameters["workers"]),
        "runs": lambda runs: value(len(runs)),
        "pinned": lambda run: value(run.parameters["workers"]),
    }
    for name, show in bound.items():
        mark = Line(**{name: of[name]})
        artist = built(mark)
        assert artist.get_xdata().size == 0
        show(mark)
        assert artist.get_xdata().tolist() == [expected[name]], name
        followed = {"setting": "model", "runs": "run"}.get(name, name)
        assert [what for what in ("model", "run", "pinned") if mark.follows(what)] == [followed]
        mark.show_run(None, [])
        mark.show_pinned(None)
        assert (artist.get_xdata().size == 0) == (followed != "model"), name


def test_the_ring_stands_on_the_curve_where_the_slider_is() -> None:
    for log, expected in ((False, 1 + 4 * (4 - 1) / 9), (True, np.exp(np.log(5) * np.log(4) / np.log(10)))):
        mark = Here("workers", curve, log=log)
        artist = built(mark)
        mark.show_model({"workers": 4}, None)
        assert (artist.get_xdata()[0], artist.get_ydata()[0]) == pytest.approx((4, expected))


def test_bars_that_are_not_told_have_no_height() -> None:
    mark = Bars(3)
    mark.build(Figure().subplots())
    mark.draw([2.0, 4.0])
    assert [bar.get_height() for bar in mark._bars] == [2.0, 4.0, 0.0]
    assert [bar.get_x() + bar.get_width() / 2 for bar in mark._bars] == pytest.approx([1, 2, 3])


def test_a_band_lies_between_its_two_numbers() -> None:
    upright, lying = Band("x"), Band("y")
    patches = built(upright), built(lying)
    upright.draw((2.0, 5.0))
    lying.draw((2.0, 5.0))
    assert (patches[0].get_x(), patches[0].get_width()) == (2, 3)
    assert (patches[1].get_y(), patches[1].get_height()) == (2, 3)


def test_whiskers_stand_from_low_to_high() -> None:
    mark = Whiskers()
    artist = built(mark)
    mark.draw(([1, 2], [3, 4], [5, 6]))
    assert [segment.tolist() for segment in artist.get_segments()] == [[[1, 3], [1, 5]], [[2, 4], [2, 6]]]


def test_a_histogram_shows_shares_and_counts_what_lies_outside_in_its_ends() -> None:
    mark = Histogram("calls", 1, 100, bins_per_decade=1)
    artist = built(mark)
    mark.draw(np.array([0.1, 2, 3, 5e5]))
    assert artist.get_data().values.tolist() == [0.75, 0.25]
    mark.draw((np.array([2, 3]), 8))
    assert artist.get_data().values.tolist() == [0.25, 0.0], "shares of a whole of which the samples are a part"
    mark.draw(np.empty(0))
    assert artist.get_data().values.tolist() == [0.0, 0.0]


def workers(run: Record) -> tuple[float, float]:
    return run.parameters["workers"], run.measured_s


def test_a_setting_measured_again_moves_its_point_and_another_adds_one() -> None:
    points = before(workers)
    again, other = replace(ONE, measured_s=12), replace(TWO, measured_s=20)
    assert points([replace(ONE, measured_s=10)]) == ([1], [10])
    assert points([replace(ONE, measured_s=10), again, other]) == ([1, 2], [12, 20])
    assert points([other]) == ([2], [20]), "what is no longer among the runs has no point"


def test_a_run_in_progress_leaves_no_point() -> None:
    assert before(workers)([ONE, replace(TWO, status="running")]) == ([1], [0.0])


@pytest.mark.parametrize("status", ["complete", "running"])
def test_with_some_controls_free_only_runs_that_agree_with_the_newest_in_all_others_have_points(status: Any) -> None:
    points = before(workers, among=("workers",))
    one = replace(ONE, parameters={"workers": 1, "rate": 5})
    two = replace(ONE, parameters={"workers": 2, "rate": 5}, measured_s=20)
    elsewhere = replace(ONE, parameters={"workers": 2, "rate": 6}, measured_s=30, status=status)
    assert points([one, two]) == ([1, 2], [0, 20])
    assert points([one, two, elsewhere]) == (([2], [30]) if status == "complete" else ([], []))
    back = replace(ONE, parameters={"workers": 3, "rate": 5}, measured_s=40)
    assert points([one, two, elsewhere, back]) == ([1, 2, 3], [0, 20, 40])
    assert before(workers, among=None)([one, two, back]) == ([1, 2, 3], [0, 20, 40])


def test_the_point_of_a_run_is_computed_once() -> None:
    asked = []

    def point(run: Record) -> tuple[float, float]:
        asked.append(run)
        return 0.0, 0.0

    points = before(point)
    points([ONE])
    points([ONE, TWO])
    assert asked == [ONE, TWO]


def test_measured_is_a_run_the_pinned_one_and_those_before() -> None:
    labels = [[mark._style.get("label") for mark in measured(workers, among=among)] for among in ((), None, ("rate",))]
    assert labels == [["pinned run", "measured"], [None, "pinned run", "measured"], [None, "pinned run", "measured"]]
    followed = [
        [what for what in ("model", "run", "pinned") if mark.follows(what)] for mark in measured(workers, among=None)
    ]
    assert followed == [["run"], ["pinned"], ["run"]]


def test_a_note_is_the_text_that_its_function_returns() -> None:
    note = Note(0.1, 0.9, model=lambda model: f"{model} is the limit")
    (text,) = note.build(Figure().subplots())
    note.show_model({}, "disk")
    assert text.get_text() == "disk is the limit"
    note.clear()
    assert text.get_text() == ""
