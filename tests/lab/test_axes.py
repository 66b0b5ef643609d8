"""Axes, and a chart without anything to show."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from perflab.lab.axes import byte_ticks, duration_ticks, from_zero_ticks, percent_ticks
from perflab.lab.chart import Axis, Chart
from perflab.lab.marks import Line, before, measured
from perflab.lab.record import Record
from perflab.measure.frame import Frame


def test_bytes_are_labelled_with_units() -> None:
    axes = Figure().add_subplot()
    axes.set(xscale="log", xlim=(1e3, 1e7))
    byte_ticks(axes.xaxis)
    assert axes.xaxis.get_major_formatter()(1e6, 0) == "1 MB"


def test_an_axis_of_durations_begins_at_0_without_a_unit() -> None:
    axes = Figure().add_subplot()
    duration_ticks(axes.yaxis)
    assert [axes.yaxis.get_major_formatter()(value, 0) for value in (0, 2e7)] == ["0", "20 ms"]


def test_an_axis_of_shares_that_begins_a_little_below_0_has_no_minus_0() -> None:
    axes = Figure().add_subplot()
    axes.set_xlim(-0.03, 1)
    percent_ticks(axes.xaxis)
    steps, name = axes.xaxis.get_major_locator()(), axes.xaxis.get_major_formatter()
    assert [name(step, 0) for step in steps] == ["0%", "20%", "40%", "60%", "80%", "100%"]


def test_an_axis_grows_from_its_high_end_to_the_first_end_that_holds_what_the_model_and_the_run_need() -> None:
    axes = Figure().subplots()
    run = Record("any", {}, 1, "", Frame({"latency_ns": np.array([30.0])}))
    axis = Axis(
        "inside",
        0,
        10,
        ends=(5, 10, 20, 50),
        reach=lambda model: model,
        run_reach=lambda run: run.column("latency_ns")[0],
    )

    def end() -> float:
        return axes.get_ylim()[1]

    axis.apply(axes, "y")
    assert end() == 10
    axis.fit_model(axes, "y", 4)
    assert end() == 5
    axis.fit_run(axes, "y", run)
    assert end() == 50
    axis.fit_model(axes, "y", float("nan"))
    assert end() == 50, "without a number it stays as it is"
    axis.fit_model(axes, "y", 1_000)
    axis.fit_run(axes, "y", run)
    assert end() == 50, "the last is the last"


def test_a_run_that_was_stopped_before_its_first_slice_shows_nothing_and_asks_no_mark() -> None:
    def mean(run: Record) -> tuple[float, float]:
        return 1.0, float(run.column("latency_ns").mean())

    chart = Chart("any", Axis("x", 0, 2), Axis("y", 0, 9), Line(runs=before(mean)), *measured(mean))
    old, pinned, new = chart.build(Figure().subplots())
    run, stopped = (
        Record("any", {}, 1, "", frame, 1.0, "stopped") for frame in (Frame({"latency_ns": np.array([3.0])}), Frame())
    )
    chart.show_run(run, (run,))
    chart.show_pinned(run)
    assert [len(line.get_xdata()) for line in (old, pinned, new)] == [1, 1, 1]
    chart.show_run(stopped, (run, stopped))
    chart.show_pinned(stopped)
    assert [len(line.get_xdata()) for line in (old, pinned, new)] == [1, 0, 0]


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
