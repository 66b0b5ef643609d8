"""The charts that several labs share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perflab.lab.chart import Axis, Chart
from perflab.lab.charts import (
    SHARES,
    distribution,
    intervals,
    latencies_of,
    nines,
    percentile_axis,
    percentile_curve,
    versus,
)
from perflab.lab.marks import Line
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame

LATENCIES = np.random.default_rng(1).lognormal(8, 0.5, 3_000)
NAMES = ("mean", "p99", "mean of p99s")


def record(latencies: Any = LATENCIES, rows: int = 1_000, **facts: Any) -> Record:
    frame = Frame({"latency_ns": np.asarray(latencies)}, {"calls": len(latencies)}, {"batch": 1, **facts})
    return Record("any", {"rows": rows}, 1, "", frame, status="complete")


def curve(model: Any) -> Any:
    return np.array([10.0, 1e5]), np.array([1e3, 1e6]) * model


def numbers(run: Record) -> dict[str, Estimate]:
    middle = float(np.median(latencies_of(run)))
    return {"p99": Estimate(2 * middle), "other": Estimate(1), "mean": Estimate(middle, 0.9 * middle, 1.1 * middle)}


def charts() -> dict[str, Chart]:
    return {
        "versus": versus("rows", (10, 1e5), (1e2, 1e8), curve, "rows"),
        "distribution": distribution(1e2, 1e8),
        "intervals": intervals(NAMES, 1e2, 1e8, numbers, lambda model: {"mean": Estimate(2e4, 1e4, 3e4)}, "numbers"),
        "percentiles": Chart(
            "Percentiles",
            percentile_axis("calls"),
            Axis("latency", 1e2, 1e8, log=True),
            Line("model", model=lambda model: (nines(SHARES), np.geomspace(1e3, 1e6, SHARES.size))),
            Line("measured", run=lambda run: percentile_curve(latencies_of(run))),
            Line("pinned", pinned=lambda run: percentile_curve(latencies_of(run)), linestyle=":"),
        ),
    }


def opened(chart: Chart, drawn: list[bytes] | None = None) -> tuple[Picture, dict[str, Any]]:
    """A picture, and the artists of the chart that it shows, by their names in the legend."""
    picture = Picture(chart, 500, 320, (drawn if drawn is not None else []).append)
    picture.draw()
    shown: Any = picture._panel
    return picture, {str(artist.get_label()): artist for mark in shown._marks for artist in artists(mark)}


def artists(mark: Any) -> list[Any]:
    return [value for name, value in vars(mark).items() if name in ("_line", "_stairs")]


@pytest.mark.long
@pytest.mark.parametrize("name", charts())
def test_each_chart_shows_model_run_and_pinned_run_and_can_be_emptied(name: str) -> None:
    drawn: list[bytes] = []
    picture = Picture(charts()[name], 500, 320, drawn.append)
    picture.draw()
    empty = drawn[-1]
    picture.show_run(record(), [record()])
    with_run = drawn[-1]
    assert with_run != empty
    picture.show_pinned(record(LATENCIES * 3))
    assert drawn[-1] != with_run
    picture.show_pinned(None)
    picture.show_run(None)
    assert drawn[-1] == empty
    if name != "distribution":
        picture.show_model({"rows": 1_000}, 1.0)
        picture.draw()
        assert drawn[-1] != empty


@pytest.mark.long
@pytest.mark.parametrize("latencies", [[5.0], [0.0, 0.0], [1e12] * 3, np.full(100_000, 77.0), np.empty(0)], ids=len)
def test_odd_runs_are_drawn_without_complaint(latencies: Any) -> None:
    for name, chart in charts().items():
        if len(latencies) or name != "intervals":
            Picture(chart, 400, 250, lambda png: None).show_run(record(latencies), [record(latencies)])


def test_latency_against_a_control_is_the_median_and_the_p99_of_a_column_beside_those_measured_before() -> None:
    picture, shown = opened(versus("rows", (10, 1e5), (1e2, 1e8), curve, "rows"))
    first, second = record(np.arange(1.0, 101), rows=10), record(np.arange(101.0, 201), rows=100)
    picture.show_run(second, [first, second])
    picture.show_pinned(first)
    assert shown["measured median"].get_xydata().tolist() == [[100, 150]]
    assert shown["measured p99"].get_xydata().tolist() == [[100, 199]]
    assert shown["measured before"].get_xydata().tolist() == [[10, 50], [100, 150]]
    assert shown["pinned run"].get_xydata().tolist() == [[10, 50]]
    _, without_tail = opened(versus("rows", (10, 1e5), (1e2, 1e8), curve, "rows", tail=False))
    assert "measured p99" not in without_tail


def test_a_distribution_marks_mean_median_and_p99_of_single_calls() -> None:
    picture, shown = opened(distribution(1, 1e4))
    latencies = np.r_[np.full(98, 10.0), 2_000.0, 3_000.0]
    picture.show_run(record(latencies))
    rules = [shown[name].get_xdata()[0] for name in ("median", "mean", "p99 (nearest rank)")]
    assert rules == [10, latencies.mean(), 2_000]
    assert shown["this run"].get_data().values.sum() == pytest.approx(1)
    picture.show_run(record(latencies, batch=100))
    assert np.isnan(shown["p99 (nearest rank)"].get_xdata()[0]), "a batch has no slowest call"
    assert shown["median"].get_xdata()[0] == 10


def test_intervals_have_a_row_for_each_name_and_none_for_others() -> None:
    picture, shown = opened(intervals(NAMES, 1e2, 1e8, numbers, lambda model: model, "numbers"))
    picture.show_run(record([100.0]))
    picture.show_pinned(record([300.0]))
    assert shown["measured, 95% interval"].get_xydata().tolist() == [[100, 0], [200, 1]]
    assert shown["pinned run"].get_xydata().tolist() == [[300, 0], [600, 1]]
    picture.show_model({}, {"mean of p99s": Estimate(5.0, 4.0, 6.0)})
    band = shown["model: where 95% of such runs fall"]
    assert band.get_xdata()[:2].tolist() == [4, 6] and band.get_ydata()[:2].tolist() == [2, 2]
    whiskers: Any = picture._panel
    ends = whiskers._marks[1]._line.get_xydata()
    assert ends[:2].tolist() == pytest.approx(np.array([[90, 0], [110, 0]])) and np.isnan(ends[2:, 0]).all()
    axes = whiskers._axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)
    assert axes.get_ylim() == (2.5, -0.5), "the first row is at the top"
    picture.show_run(Record("any", {}, 1, ""))
    assert not shown["measured, 95% interval"].get_xdata().size, "a run without samples has no numbers"


def test_each_nine_is_as_wide_as_the_one_before() -> None:
    assert nines([0, 0.9, 0.99, 0.999]) == pytest.approx([0, 1, 2, 3])
    for most, texts in ((4, ["0", "50%", "90%", "99%", "99.9%", "99.99%"]), (2, ["0", "50%", "90%", "99%"])):
        picture = Picture(Chart("", percentile_axis("calls", most), Axis("", 0, 1)), 400, 250, lambda png: None)
        picture.draw()
        shown: Any = picture._panel
        assert [label.get_text() for label in shown._axes.get_xticklabels()] == texts
        assert shown._axes.get_xlim() == (0, most)
        assert shown._axes.get_xticks()[1] == pytest.approx(nines(0.5))


def test_the_percentile_curve_keeps_the_slowest_call_and_is_thinned() -> None:
    positions, values = percentile_curve(np.arange(1.0, 100_001.0))
    assert values[-1] == 100_000
    assert values.size <= 1_000
    assert positions[-1] == pytest.approx(nines(1 - 1e-5), rel=1e-6)
    assert percentile_curve(np.empty(0))[0].size == 0
