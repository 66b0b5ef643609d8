"""Axes and legends."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from perflab.lab.axes import byte_ticks, legend_below


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
