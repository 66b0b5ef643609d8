"""The comparison of `make bench ONLY=sweeps`: the model at the measured place, and which share lies within its band."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import pytest

from perflab.lab import Axis, Chart, Record
from perflab.lab.axes import percent_ticks
from perflab.lab.controls import log_slider, switch
from perflab.lab.marks import Line
from perflab.lab.palette import MODEL_LINE, PINNED_POINTS
from perflab.measure.frame import Frame

SPEC = importlib.util.spec_from_file_location("sweeps", Path(__file__).parent / "bench" / "sweeps.py")
assert SPEC is not None and SPEC.loader is not None
sweeps: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(sweeps)

LOG = Chart("", Axis("x", 1, 100, log=True), Axis("y", 1, 100, log=True))
LINEAR = Chart("", Axis("x", 0, 100), Axis("y", 0, 100))
WITHOUT = {
    "measuring_latency.coordinated_omission",  # a distribution
    "measuring_latency.stopwatch",  # the clock's cost, and a quoted range
    "start_here.self_check",  # a band of pairs
    "caching_strategies.restart",  # runs over time, beside the same ones simulated
    "trade_off.cheapest",  # the p95 of a few settings, beside the mean of all
    "tails_and_overload.storm",  # and this
}


def test_every_lab_with_a_model_of_its_numbers_is_compared() -> None:
    assert {name for name, make in corpus.LABS.items() if not any(map(sweeps.compared, make().charts))} == WITHOUT


@pytest.mark.parametrize(("chart", "expected"), [(LOG, 1_000**0.5), (LINEAR, 10 + 90 * 9 / 99)])
def test_the_model_is_read_between_its_points_as_they_are_drawn(chart: Chart, expected: float) -> None:
    assert sweeps.at(10.0, ([100.0, np.nan, 1.0], [100.0, 5.0, 10.0]), chart) == pytest.approx(expected)


def test_beyond_its_ends_a_model_says_nothing_and_a_single_point_holds_everywhere() -> None:
    assert np.isnan(sweeps.at(200.0, ([1.0, 100.0], [1.0, 100.0]), LINEAR))
    assert np.isnan(sweeps.at(1.0, ([], []), LINEAR))
    assert sweeps.at(200.0, (3.0, 7.0), LINEAR) == 7.0


def test_in_a_row_a_band_holds_what_lies_within_it() -> None:
    band = [2.0, 4.0, np.nan, 8.0, 8.0], [0, 0, 0, 1, 1]
    assert [sweeps.in_row(value, row, band)[1] for value, row in ((3.0, 0), (1.0, 0), (5.0, 0), (9.0, 1))] == [
        3,
        2,
        4,
        8,
    ]
    assert np.isnan(sweeps.in_row(1.0, 7, band)[1])


def test_measured_is_divided_by_the_model_at_each_place() -> None:
    chart = Chart(
        "latency",
        Axis("x", 0, 10),
        Axis("y", 0, 10),
        Line("capacity", model=lambda _: ([0, 10], [1, 1]), **MODEL_LINE),
        Line("model", model=lambda most: ([0, 10], [0, most]), **MODEL_LINE),
        Line("pinned run", pinned=lambda run: (run.parameters["x"], 4.0), **PINNED_POINTS),
    )
    lab: Any = type("Lab", (), {"charts": (chart,)})
    record = Record("any", {"x": 5}, 1, "", Frame({"y": np.ones(1)}))
    assert list(sweeps.beside(lab, record, 10)) == [("latency", 0.8)]


def test_a_percentile_is_compared_with_its_own_curve_and_a_run_with_such_a_run() -> None:
    def model(name: str) -> Line:
        return Line(name, model=lambda _: None, **MODEL_LINE)

    def chosen(point: str, *names: str) -> str:
        point_line = Line(point, pinned=lambda _: None, **PINNED_POINTS)
        chart = Chart("", Axis("x", 0, 10), Axis("y", 0, 10), *map(model, names), point_line)
        return str(sweeps.name_of(sweeps.compared(chart)[0]))

    assert chosen("pinned run: p99", "mean", "p99") == "p99" and chosen("pinned run", "mean", "p99") == "mean"
    assert chosen("pinned run", "long run", "such runs") == "such runs"
    assert chosen("pinned run", "model", "this run, simulated") == "this run, simulated"


@pytest.mark.parametrize(("share", "expected", "ratio"), [(0.02, 0.02, 1.0), (0.0, 0.06, 0.0), (0.3, 0.02, 0.3 / 0.07)])
def test_small_shares_may_differ_by_a_few_hundredths(share: float, expected: float, ratio: float) -> None:
    chart = Chart(
        "slow",
        Axis("x", 0, 10),
        Axis("y", 0, 1, ticks=percent_ticks),
        Line("model", model=lambda expected: ([0, 10], [expected] * 2), **MODEL_LINE),
        Line("pinned run", pinned=lambda _: (5, share), **PINNED_POINTS),
    )
    lab: Any = type("Lab", (), {"charts": (chart,)})
    found = dict(sweeps.beside(lab, Record("any", {}, 1, "", Frame({})), expected))
    assert found["slow"] == pytest.approx(ratio)


def test_in_a_plane_what_lies_across_is_compared_too() -> None:
    chart = Chart(
        sweeps.PLANES[0],
        Axis("x", 0, 10),
        Axis("y", 0, 10),
        Line("model", model=lambda _: (2.0, 4.0), **MODEL_LINE),
        Line("pinned run", pinned=lambda run: (3.0, 5.0), **PINNED_POINTS),
    )
    lab: Any = type("Lab", (), {"charts": (chart,)})
    found = list(sweeps.beside(lab, Record("any", {}, 1, "", Frame({"y": np.ones(1)})), None))
    assert found == [(f"{chart.title}, across", 1.5), (chart.title, 1.25)]


def test_of_a_distribution_the_medians_are_compared_where_there_is_something_to_compare() -> None:
    (title,) = sweeps.DISTRIBUTIONS
    chart = Chart(
        title,
        Axis("lost", 0, 100),
        Axis("share", 0, 1),
        Line("model", model=lambda most: ([0, most], [0.0, 1.0]), **MODEL_LINE),
        Line("pinned run", pinned=lambda run: (run.column("lost"), [0.25, 0.5, 1.0]), **PINNED_POINTS),
    )
    lab: Any = type("Lab", (), {"charts": (chart,)})
    record = Record("any", {}, 1, "", Frame({"lost": np.array([1.0, 30.0, 90.0])}))
    assert list(sweeps.beside(lab, record, 80)) == [(f"{title}, median", 0.75)]
    assert list(sweeps.beside(lab, record, 0)) == []


def test_a_control_is_swept_from_end_to_end() -> None:
    values = sweeps.spread(log_slider(1, 1_000, 10))
    assert (len(values), values[0], values[-1]) == (5, 1, 1_000)
    assert sweeps.spread(switch(True)) == list(switch(True).values)


def test_what_is_outside_most_of_the_time_is_named() -> None:
    found = [sweeps.Found("rows 10", "latency", ratio) for ratio in (1.0, 0.81, 1.24)]
    found += [sweeps.Found("rows 1000", "latency", ratio) for ratio in (1.3, 1.4, 1.1)]
    found += [sweeps.Found("rows 100", "latency", ratio) for ratio in (1.3, 1.4, 1.1, 1.0)]
    assert sweeps.told(found, 2) == "6 of 10 (60%); outside: rows 1000, “latency”: ×1.30; 2 runs not judged"
    assert sweeps.told([], 0) == "none"
