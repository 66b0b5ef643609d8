"""Axes and legends."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perflab.lab.axes import byte_ticks, from_zero_ticks, legend_below
from perflab.lab.chart import Axis, Chart
from perflab.lab.marks import Line


@pytest.mark.parametrize("width", [3.2, 4.0, 5.5, 7.0, 11.0])
@pytest.mark.parametrize("entries", [1, 3, 4, 5, 7])
def test_a_legend_is_never_wider_than_its_figure(width: float, entries: int) -> None:
    figure = Figure(figsize=(width, 3.5), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for number in range(entries):
        axes.plot([1], label=("model", "measured before", "pinned run")[number % 3])
    legend_below(axes, 5)
    figure.set_layout_engine("constrained")
    canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_bytes_are_labelled_with_units() -> None:
    axes = Figure().add_subplot()
    axes.set(xscale="log", xlim=(1e3, 1e7))
    byte_ticks(axes.xaxis)
    assert axes.xaxis.get_major_formatter()(1e6, 0) == "1 MB"


def test_counts_from_zero_show_zero_and_large_numbers_on_one_axis() -> None:
    axes = Figure().add_subplot()
    Axis("queued", 0, 400, ticks=from_zero_ticks).apply(axes, "y")
    assert axes.get_ylim() == (0, 400)
    heights = axes.transData.transform([(0, 0), (0, 1), (0, 10), (0, 100)])[:, 1]
    assert heights[0] < heights[1] and heights[3] - heights[2] == pytest.approx(heights[2] - heights[1], rel=0.05)
    assert [text.get_text() for text in axes.get_yticklabels()][:3] == ["0", "1", "3"]


def test_ticks_with_texts_have_no_other_ticks_between_them() -> None:
    axes = Figure().add_subplot()
    Axis("workers", 1, 64, log=True, ticks={1: "1", 64: "64"}).apply(axes, "x")
    assert axes.get_xticks().tolist() == [1, 64] and axes.get_xticks(minor=True).size == 0


@pytest.mark.parametrize("columns", [0, 2])
def test_a_chart_may_do_without_a_legend(columns: int) -> None:
    axes = Figure().add_subplot()
    Chart("any", Axis("x", 0, 1), Axis("y", 0, 1), Line("named"), columns=columns).build(axes)
    assert len(axes.figure.legends) == (columns > 0)
