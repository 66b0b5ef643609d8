"""Charts of rows: names from above, bars, strokes and texts in their rows, and nothing without data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from perflab.lab import Axis, Chart, Record
from perflab.lab.marks import Line
from perflab.lab.rows import Spans, Texts, chosen_row, in_turn, intervals_in, named_rows, strokes, values_in
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame

NAMES = ("slow", "quick", "idle")
ESTIMATES = {"quick": Estimate(2, 1, 3), "slow": Estimate(8, 7, 9)}
RUN = Record("any", {}, 1, "", Frame({"latency_ns": np.ones(3)}))


def built(*marks: Any) -> Any:
    axes: Any = Figure().subplots()
    Chart("", Axis("", 0.1, 100, log=True), named_rows(NAMES), *marks, columns=1).build(axes)
    return axes


def test_the_first_name_is_on_top_and_each_row_has_the_same_room() -> None:
    axes = built()
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)
    assert axes.get_ylim() == (2.5, -0.5)


def test_values_and_intervals_stand_in_the_rows_of_their_names() -> None:
    assert values_in(NAMES, ESTIMATES) == ([8, 2], [0, 1])
    x, y = intervals_in(NAMES, ESTIMATES)
    np.testing.assert_array_equal(x, [7, 9, np.nan, 1, 3, np.nan])
    np.testing.assert_array_equal(y, [0, 0, 0, 1, 1, 1])
    assert [len(each) for each in strokes([], [], [])] == [0, 0]


def test_bars_in_turn_begin_where_the_one_before_ends() -> None:
    begins, ends = in_turn([1.0, 0.0, 2.5])
    assert list(begins) == [0, 1, 1] and list(ends) == [1, 1, 3.5]


def test_spans_are_bars_from_begin_to_end_either_way_and_empty_without_data() -> None:
    spans = Spans(range(3), "here", run=lambda run: ([1, 5, np.nan], [2, 3, np.nan]), color="red", height=0.4)
    axes = built(spans)
    spans.show_run(RUN, (RUN,))
    bars = axes.patches
    assert [(bar.get_x(), bar.get_width()) for bar in bars[:2]] == [(1, 1), (3, 2)]
    assert [bar.get_y() for bar in bars] == pytest.approx([-0.2, 0.8, 1.8])
    assert np.isnan(bars[2].get_width())
    spans.show_run(None, ())
    assert all(np.isnan(bar.get_width()) for bar in bars)


def test_bars_of_one_row_have_looks_and_labels_of_their_own_in_the_order_of_the_marks() -> None:
    parts = Spans([0, 0], each=[{"label": "first", "color": "red"}, {"label": "second", "color": "blue"}], height=0.9)
    axes = built(Spans(range(3), "whole"), parts, Line("dots"))
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["whole", "first", "second", "dots"]
    assert [bar.get_facecolor() for bar in axes.patches[-2:]] == [(1, 0, 0, 1), (0, 0, 1, 1)]


def test_texts_stand_in_their_rows_and_go_with_the_run() -> None:
    texts = Texts(3, run=lambda run: ["a", "", "c"])
    axes = built(texts)
    texts.show_run(RUN, (RUN,))
    assert [text.get_text() for text in axes.texts] == ["a", "", "c"]
    texts.show_run(None, ())
    assert [text.get_text() for text in axes.texts] == ["", "", ""]


def test_texts_may_stand_elsewhere_in_a_row_and_above_its_middle() -> None:
    axes = built(Texts(3, x=0.01, above=0.3, ha="left", run=lambda run: ["a", "", "c"]))
    assert [text.get_position() for text in axes.texts] == [(0.01, -0.3), (0.01, 0.7), (0.01, 1.7)]
    assert {text.get_ha() for text in axes.texts} == {"left"}


def test_a_run_without_samples_shows_nothing() -> None:
    line = Line(run=lambda run: (1, run.column("latency_ns")[0]), pinned=lambda run: (1, run.column("latency_ns")[0]))
    axes = built(line)
    empty = Record("any", {}, 1, "")
    for show in (lambda run: line.show_run(run, ()), line.show_pinned):
        show(RUN)
        assert axes.lines[0].get_xdata().size
        show(empty)
        assert not axes.lines[0].get_xdata().size


def test_the_row_of_what_is_chosen_is_shaded() -> None:
    mark: Any = chosen_row(NAMES, "way")
    (band,) = mark.build(built())
    for row, name in enumerate(NAMES):
        mark.show_setting({"way": name})
        assert (band.get_y(), band.get_height()) == pytest.approx((row - 0.4, 0.8))
