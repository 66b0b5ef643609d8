"""Charts: axes that grow, descriptions that can be shown twice, and functions that raise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from perflab.lab.chart import Axis, Chart, ChartFailed
from perflab.lab.marks import Line, Rule
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.lab.rows import named_rows
from perflab.measure.frame import Frame

RUN = Record("any", {"rows": 7}, 1, "", Frame({"latency_ns": np.array([3.0])}), status="complete")
X, Y = Axis("x", 0, 10), Axis("y", 1, 100, log=True)


def opened(chart: Chart) -> tuple[Picture, Any, list[bytes]]:
    """A picture of the chart, the copy of it that is drawn, and what is delivered."""
    drawn: list[bytes] = []
    picture = Picture(chart, 300, 200, drawn.append)
    picture.draw()
    return picture, picture._panel, drawn


def axes_of(chart: Chart) -> Any:
    axes = Figure().subplots()
    chart.build(axes)
    return axes


def test_axes_are_labelled_and_hold_their_range() -> None:
    axes = axes_of(Chart("Title", X, Y))
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("Title", "x", "y")
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 10), (1, 100))
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    assert axes.get_legend() is None and not axes.figure.legends, "no legend without names"


def test_ticks_are_positions_texts_or_a_function() -> None:
    at = [2.0, 5.0]
    named = axes_of(Chart("", Axis("x", 0, 10, ticks=at), Axis("y", 0, 10, ticks={2: "few", 5: "many"})))
    assert named.get_xticks().tolist() == at
    assert [label.get_text() for label in named.get_yticklabels()] == ["few", "many"]
    made = axes_of(Chart("", Axis("x", 0, 10, ticks=lambda axis: axis.set_ticks([7])), Y))
    assert made.get_xticks().tolist() == [7]


def test_an_axis_ends_at_the_first_of_its_ends_that_holds_what_the_model_reaches() -> None:
    growing = Axis("x", 0, 10, ends=(10, 50, 200), reach=lambda model: model)
    picture, shown, _ = opened(Chart("", growing, Axis("y", 0, 1)))
    for reached, end in ((3, 10), (10, 10), (11, 50), (120, 200), (5_000, 200), (4, 10)):
        picture.show_model({}, reached)
        assert shown._axes.get_xlim() == (0, end)
    picture.show_model({}, 20)
    picture.show_model({}, float("nan"))
    assert shown._axes.get_xlim() == (0, 50), "without a number it stays"


def test_a_run_moves_the_end_of_an_axis_out_and_never_in() -> None:
    growing = Axis(
        "y", 0, 10, ends=(10, 50, 200), reach=lambda model: model, run_reach=lambda run: run.parameters["rows"]
    )
    picture, shown, _ = opened(Chart("", X, growing))
    for reached, rows, end in ((3, 7, 10), (30, 7, 50), (30, 70, 200), (3, 70, 200)):
        picture.show_model({}, reached)
        picture.show_run(replace(RUN, parameters={"rows": rows}))
        assert shown._axes.get_ylim() == (0, end)
    picture.show_run(None)
    assert shown._axes.get_ylim() == (0, 200)


def test_a_chart_that_only_its_axis_ties_to_the_model_or_a_run_is_redrawn_for_it() -> None:
    reaching = Axis("x", 0, 10, ends=(10,), reach=lambda model: 1)
    running = Axis("x", 0, 10, ends=(10,), run_reach=lambda run: 1)
    assert [Chart("", axis, Y).follows(what) for axis in (reaching, running) for what in ("model", "run")] == [
        True,
        False,
        False,
        True,
    ]
    assert not Chart("", X, Y).follows("pinned")


def test_one_chart_can_be_shown_in_two_pictures_at_once() -> None:
    chart = Chart("", X, X, Line(run=lambda run: (5, run.parameters["rows"]), marker="o"))
    (first, _, of_first), (second, _, of_second) = opened(chart), opened(chart)
    empty = of_second[-1]
    assert of_first[-1] == empty
    first.show_run(RUN)
    assert of_first[-1] != empty and of_second[-1] == empty
    second.show_run(replace(RUN, parameters={"rows": 2}))
    assert of_second[-1] not in (empty, of_first[-1])
    assert opened(chart)[2][-1] == empty, "the description itself was never drawn"


def failing(of: Any) -> Any:
    raise KeyError("no such column")


def line(of: Any) -> Any:
    return [1, 9], [1, 9]


@pytest.mark.long
@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("bound", ["model", "run", "pinned"])
def test_where_a_mark_fails_the_chart_says_which_and_draws_all_others(bound: str, position: int) -> None:
    sound = Line("sound", **{bound: line})
    marks: list[Any] = [sound]
    marks.insert(position, Rule("x", "broken", **{bound: failing}))
    picture, shown, drawn = opened(Chart("Each call", X, X, *marks))
    empty = drawn[-1]
    shows: dict[str, Any] = {
        "model": lambda: picture.show_model({}, 1),
        "run": lambda: picture.show_run(RUN, [RUN]),
        "pinned": lambda: picture.show_pinned(RUN),
    }
    with pytest.raises(ChartFailed, match=r"The chart 'Each call' failed\. KeyError: 'no such column'") as raised:
        shows[bound]()
    assert isinstance(raised.value.__cause__, KeyError), "it has the traceback of what failed"
    assert drawn[-1] != empty
    assert shown._marks[1 - position]._line.get_xdata().tolist() == [1, 9]
    assert np.isnan(shown._marks[position]._line.get_xdata()).all()


def test_a_mark_that_fails_shows_nothing_of_the_run_before() -> None:
    picture, shown, _ = opened(Chart("", X, X, Rule("x", run=lambda run: run.parameters["rows"])))
    picture.show_run(RUN)
    assert shown._marks[0]._line.get_xdata() == [7, 7]
    with pytest.raises(ChartFailed):
        picture.show_run(replace(RUN, parameters={}))
    assert np.isnan(shown._marks[0]._line.get_xdata()).all()
    picture.show_run(RUN)
    assert shown._marks[0]._line.get_xdata() == [7, 7]


def test_an_axis_that_fails_takes_no_mark_along() -> None:
    picture, shown, _ = opened(Chart("Queue", Axis("x", 0, 10, ends=(10,), reach=failing), X, Line(model=line)))
    with pytest.raises(ChartFailed, match="Queue"):
        picture.show_model({}, 1)
    assert shown._marks[0]._line.get_xdata().tolist() == [1, 9]


def test_until_something_is_measured_a_chart_says_what_will_appear_and_shows_what_is_known() -> None:
    known = Rule("y", "limit", setting=lambda chosen: chosen["rows"])
    picture, shown, drawn = opened(Chart("Each call", X, X, known, Line(run=line), empty="Each call will appear here."))
    assert shown._axes.get_title(loc="left") == "Each call will appear here."
    picture.show_setting({"rows": 4})
    assert shown._marks[0]._line.get_ydata() == [4, 4]
    empty = drawn[-1]
    picture.show_run(replace(RUN, frame=Frame()))
    assert drawn[-1] == empty, "a run without a slice is none"
    picture.show_run(RUN)
    assert shown._axes.get_title(loc="left") == "Each call"
    picture.show_run(None)
    assert drawn[-1] == empty


def test_a_chart_without_a_text_for_before_has_its_title_and_shows_nothing() -> None:
    known = Rule("y", "limit", setting=lambda chosen: chosen["rows"])
    picture, shown, drawn = opened(Chart("Each call", X, X, known, Line(run=line)))
    assert shown._axes.get_title(loc="left") == "Each call"
    picture.show_setting({"rows": 4})
    assert np.isnan(shown._marks[0]._line.get_ydata()).all() and len(drawn) == 1
    only_a_text = Chart("Each call", X, X, empty="Each call will appear here.")
    assert only_a_text.follows("run") and not only_a_text.follows("setting")


def test_lines_of_a_grid_stand_at_the_numbers_and_no_ticks_beside_their_texts() -> None:
    def has_grid(axes: Any) -> tuple[bool, bool]:
        return tuple(any(line.get_visible() for line in axis.get_gridlines()) for axis in (axes.xaxis, axes.yaxis))  # type: ignore[return-value]

    def styled(*sides: Axis) -> Any:
        return opened(Chart("", *sides))[1]._axes

    rows = named_rows(("a", "b"))
    assert has_grid(styled(X, Y)) == (False, True)
    assert has_grid(styled(X, rows)) == (True, False)
    assert has_grid(styled(X, replace(Y, grid=False))) == (False, False)
    for axes in (styled(X, Y), styled(Y, rows)):
        assert not axes.spines["left"].get_visible() and not axes.spines["top"].get_visible()
        assert not any(
            tick.tick1line.get_markersize() for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_major_ticks()
        )
        assert axes.get_xticks(minor=True).size == axes.get_yticks(minor=True).size == 0


def test_a_function_of_the_setting_that_fails_is_named() -> None:
    picture, _, _ = opened(Chart("Each call", X, X, Rule("y", setting=failing), empty="Soon."))
    with pytest.raises(ChartFailed, match="Each call"):
        picture.show_setting({"rows": 4})
