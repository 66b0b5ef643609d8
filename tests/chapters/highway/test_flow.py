"""The two charts of every road show what was measured, what came before, and what theory expects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing import drawn, points

from perflab.chapters.highway import road
from perflab.chapters.highway.road_model import PER_KM
from perflab.lab import Record
from perflab.measure import Frame

CHOSEN = {"lanes": 2, "cars": 30, "limit": 135, "hesitation": 0.2}
_, FLOW, TRIPS = road.CHARTS


def record(status: Any = "running", trips_ns: tuple[float, ...] = (3e10, 4e10), **changes: Any) -> Record:
    samples = {"density": np.full(40, 0.1), "flow": np.full(40, 0.3), "latency_ns": np.array(trips_ns)}
    return Record("road", {**CHOSEN, **changes}, 1, "", Frame(samples, {"steps": 40}), 1.0, status)


def test_density_and_flow_lie_where_they_were_measured_and_old_runs_stay() -> None:
    chart, artists = drawn(FLOW)
    old, run = record("complete", cars=20), record()
    chart.show_run(run, (old, run))
    assert points(artists["this run"]) == [pytest.approx((0.1 * PER_KM, 18))]
    assert points(artists["20 s of it"]) == [pytest.approx((0.1 * PER_KM, 18))] * 2
    assert len(points(artists["before"])) == 1, "the run in progress is none of those before"
    chart.show_pinned(run)
    assert points(artists["pinned"]) == points(artists["this run"])
    chart.show_run(None)
    assert [len(points(artists[name])) for name in ("this run", "20 s of it", "before")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("hesitation", "lanes", "shown", "hidden"), [(0.0, 1, "exact", "at most"), (0.2, 2, "at most", "exact")]
)
def test_a_curve_is_called_exact_only_where_it_is(hesitation: float, lanes: int, shown: str, hidden: str) -> None:
    chart, artists = drawn(FLOW)
    for chosen in ({**CHOSEN, "hesitation": 0.2}, {**CHOSEN, "hesitation": hesitation, "lanes": lanes}):
        model = road.predict(**chosen)
        chart.show_model(chosen, model)
    assert points(artists[hidden]) == []
    assert artists[shown].get_ydata() == pytest.approx(model.flow)
    assert points(artists["2"]) == [model.here], "the ring"


def test_trip_times_are_shares_of_all_cars_with_the_empty_road_beside() -> None:
    chart, artists = drawn(TRIPS)
    chart.show_model(CHOSEN, road.predict(**CHOSEN))
    chart.show_run(record())
    chart.show_pinned(record(trips_ns=(9e99,)))
    assert artists["this run"].get_data().values.sum() == pytest.approx(1)
    assert artists["pinned"].get_data().values[-1] == 1, "what lies beyond the axis is in its last bin"
    assert artists["p50"].get_xdata()[0] == 3e10
    assert artists["p90"].get_xdata()[0] == 4e10
    assert artists["empty road"].get_xdata()[0] == pytest.approx(120 / 4.8 * 1e9)
    chart.show_run(record(trips_ns=()))
    assert artists["this run"].get_data().values.sum() == 0 and np.isnan(artists["p50"].get_xdata()[0])
