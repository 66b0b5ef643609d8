"""The legend names what is on the chart, in a band that never moves, and costs nothing while it stays the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perflab.lab.chart import Axis, Chart
from perflab.lab.legend import Legend, is_on_chart
from perflab.lab.marks import Band, Bars, Histogram, Line, Mark, Rule, Whiskers
from perflab.lab.picture import Picture, align
from perflab.lab.record import Record
from perflab.lab.rows import Spans
from perflab.measure.frame import Frame

X, Y = Axis("x", 0, 10), Axis("y", 0, 10)
RUN = Record("any", {"rows": 7}, 1, "", Frame({"latency_ns": np.array([3.0])}), status="complete")


def line(of: Any) -> Any:
    return [1, 9], [1, 9]


def chart(**options: Any) -> Chart:
    marks = Line("model", model=line), Line("pinned run", pinned=line), Line("measured", run=line)
    return Chart("Each call", X, Y, *marks, **options)


def named(picture: Picture) -> list[str]:
    panel: Any = picture._panel
    return [text.get_text() for text in panel._legend._legend.get_texts() if text.get_visible()]


def test_it_names_only_what_is_on_the_chart() -> None:
    picture = Picture(chart(), 400, 300, lambda png: None)
    picture.draw()
    assert named(picture) == []
    picture.show_model({}, 1)
    assert named(picture) == ["model"]
    picture.show_run(RUN)
    assert named(picture) == ["model", "measured"]
    picture.show_pinned(RUN)
    assert named(picture) == ["model", "pinned run", "measured"]
    picture.show_pinned(None)
    picture.show_run(None)
    assert named(picture) == ["model"]


def test_a_picture_with_nothing_on_it_is_the_same_before_and_after_a_run() -> None:
    drawn: list[bytes] = []
    picture = Picture(chart(), 400, 300, drawn.append)
    picture.draw()
    picture.show_run(RUN)
    picture.show_run(None)
    assert drawn[-1] == drawn[0] != drawn[1]


def test_the_picture_is_drawn_in_full_where_names_come_or_go_and_at_no_other_time(monkeypatch: Any) -> None:
    picture = Picture(chart(), 400, 300, lambda png: None)
    picture.draw()
    draws: list[int] = []
    full = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: draws.append(1) or full(self, renderer))
    for show, expected in (
        (lambda: picture.show_model({}, 1), 1),
        (lambda: picture.show_model({}, 2), 1),
        (lambda: picture.show_run(RUN), 2),
        (lambda: picture.show_run(RUN), 2),
        (lambda: picture.show_pinned(RUN), 3),
        (lambda: picture.show_pinned(None), 3),
        (lambda: picture.show_pinned(RUN), 3),
    ):
        show()
        assert len(draws) == expected


def test_a_mark_that_is_labelled_on_the_line_is_not_in_the_legend() -> None:
    picture = Picture(
        Chart("", X, Y, Line("here", model=line, at=5), Line("below", model=line)), 400, 300, lambda png: None
    )
    picture.show_model({}, 1)
    assert named(picture) == ["below"]
    alone = Figure().add_subplot()
    Chart("", X, Y, Line("here", model=line, at=5)).build(alone)
    assert not alone.figure.legends


DRAWN: list[tuple[Mark, Any, Any]] = [
    (Line("a"), ([2.0, 8.0], [2.0, 8.0]), ([], [])),
    (Line("a"), ([2.0, np.nan], [2.0, 8.0]), ([1.0, np.nan], [np.nan, 8.0])),
    (Rule("x", "a"), 5.0, np.nan),
    (Rule("y", "a"), 5.0, np.nan),
    (Band("x", "a"), (4.0, 6.0), (np.nan, np.nan)),
    (Band("y", "a"), (4.0, 6.0), (4.0, 4.0)),
    (Bars(3, "a"), [0.0, 5.0], [0.0, 0.0, 0.0]),
    (Whiskers("a"), ([5.0], [2.0], [8.0]), ([], [], [])),
    (Histogram("a", 1, 10), [5.0] * 9, []),
    (Spans([1, 2], "a"), ([1.0, 2.0], [3.0, 4.0]), ([np.nan] * 2, [np.nan] * 2)),
]


@pytest.mark.parametrize(("mark", "data", "nothing"), DRAWN, ids=lambda value: type(value).__name__)
def test_each_kind_of_mark_is_on_the_chart_with_data_and_not_without(mark: Mark, data: Any, nothing: Any) -> None:
    axes: Any = Figure().subplots()
    mark.build(axes)
    (handle,), (name,) = axes.get_legend_handles_labels()
    assert name == "a"
    for shown, expected in ((None, False), (data, True), (nothing, False), (data, True)):
        mark.draw(shown)
        assert is_on_chart(handle) is expected
    assert is_on_chart(axes.text(0, 0, "any other artist"))


@pytest.mark.long
@pytest.mark.parametrize("width", [3.2, 4.0, 5.5, 7.0, 11.0])
@pytest.mark.parametrize("entries", [1, 3, 4, 5, 7])
def test_it_is_never_wider_than_its_figure(width: float, entries: int) -> None:
    figure = Figure(figsize=(width, 3.5), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for number in range(entries):
        axes.plot([1], label=("model", "measured before", "pinned run")[number % 3])
    legend = Legend(axes, 5)
    figure.set_layout_engine("constrained")
    canvas.draw()
    figure.set_layout_engine("none")
    for settle in (lambda: None, legend.settle):
        settle()
        canvas.draw()
        box = figure.legends[0].get_window_extent()
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_names_stand_below_the_axes_within_the_picture_however_few_they_are() -> None:
    many = [Line(f"number {number}", run=line if number % 3 else None, model=line) for number in range(6)]
    picture = Picture(Chart("", X, Y, *many, columns=2), 400, 300, lambda png: None)
    picture.draw()
    for show in (lambda: picture.show_run(RUN), lambda: picture.show_model({}, 1)):
        show()
        figure = picture._figure
        box = figure.legends[0].get_window_extent()
        below = picture._axes.xaxis.get_tightbbox(picture._canvas.get_renderer())
        assert below is not None
        assert 0 <= box.y0 < box.y1 <= below.y0
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_axes_side_by_side_begin_and_end_at_one_height_with_and_without_a_legend() -> None:
    charts = (
        chart(),
        chart(columns=0),
        Chart("", Axis("", 0, 10), Y),
        Chart("Long", X, Y, *[Line(name) for name in "abcdefg"]),
    )
    drawn: list[bytes] = []
    pictures = [Picture(each, 250, 300, drawn.append) for each in charts]
    frames = [picture._axes.get_position() for picture in pictures]
    assert len({round(frame.y0, 6) for frame in frames}) > 1, "each has a layout of its own"
    assert drawn == []
    align(pictures)
    frames = [picture._axes.get_position() for picture in pictures]
    assert len({(round(frame.y0, 9), round(frame.y1, 9)) for frame in frames}) == 1
    assert len(drawn) == len(pictures)
    pictures[0].show_run(RUN)
    pictures[0].show_model({}, 1)
    assert pictures[0]._axes.get_position().bounds == frames[0].bounds, "names that come move no axes"


def test_what_was_drawn_before_the_axes_moved_is_not_shown_again() -> None:
    drawn: list[bytes] = []
    pictures = [Picture(each, 250, 300, drawn.append) for each in (chart(), chart(columns=0))]
    for picture in pictures:
        picture.draw()
    align(pictures)
    assert drawn[1] != drawn[3]
