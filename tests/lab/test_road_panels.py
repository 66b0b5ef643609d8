"""The moving road: what is drawn is where the cars are."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from perflab.chapters.highway import road, same_road
from perflab.lab.panels.flow import AsBusy, FlowAgainstDensity, TripTimes
from perflab.lab.panels.road import MovingRoad
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.measure.frame import Frame, merge

CHOSEN = {"lanes": 2, "cars": 30, "limit": 135, "hesitation": 0.2, "accident": True}


def record(*speeds: int, status: str = "running", **facts: object) -> Record:
    """Two frames: one car that stood at the entrance, then cars at cells 0, 10, 20, … with these speeds."""
    first = Frame({name: np.array([0]) for name in ("position", "lane", "speed")} | {"cars": np.array([1])})
    cells = np.arange(len(speeds)) * 10
    now = {"position": cells, "lane": cells % 2, "speed": np.array(speeds), "cars": np.array([len(speeds)])}
    more = {"density": np.full(40, 0.1), "flow": np.full(40, 0.3), "latency_ns": np.array([3e10, 4e10])}
    frame = merge([first, Frame(now | more, {"steps": 40}, facts)])
    return Record("road", CHOSEN, 1, "", frame, 1.0, status)  # type: ignore[arg-type]


def shown(panel: MovingRoad | FlowAgainstDensity | TripTimes) -> None:
    panel.build(Figure().subplots())
    panel.show_model(CHOSEN, road.predict(**CHOSEN))


def test_each_car_is_drawn_once_by_its_speed() -> None:
    panel = MovingRoad(road.CELLS, road.KM, road.ACCIDENT)
    shown(panel)
    panel.show_run(record(0, 0, 1, 2, 5, waiting=7))
    drawn = [artist.get_xdata().size for artist in (panel._stands, panel._slow, panel._fast)]
    assert drawn == [2, 2, 1]
    assert panel._past.get_xdata().size == 3, "two that stand now, one that stood before"
    assert panel._waiting.get_text() == "7 waiting at the entrance"
    panel.show_run(None)
    assert sum(len(artist.get_xdata()) for artist in (panel._stands, panel._slow, panel._fast)) == 0


def test_the_accident_is_shown_while_the_lane_is_blocked() -> None:
    panel = MovingRoad(road.CELLS, road.KM, road.ACCIDENT)
    shown(panel)
    assert len(panel._wreck.get_xdata()) == 1, "the model announces it"
    panel.show_run(record(1, blocked=False))
    assert len(panel._wreck.get_xdata()) == 0


def test_density_and_flow_lie_where_they_were_measured_and_old_runs_stay() -> None:
    panel = road.lab().charts[1]
    assert isinstance(panel, FlowAgainstDensity)
    shown(panel)
    panel.show_run(record(1, status="complete"))
    assert (panel._run.get_xdata()[0], panel._run.get_ydata()[0]) == pytest.approx((0.1 * road.PER_KM, 18))
    assert panel._moments.get_xdata().tolist() == pytest.approx([0.1 * road.PER_KM] * 2)
    assert len(panel._old.get_xdata()) == 1
    panel.show_run(None)
    assert len(panel._old.get_xdata()) == 0


def test_trip_times_are_shares_of_all_cars() -> None:
    panel = road.lab().charts[2]
    assert isinstance(panel, TripTimes)
    shown(panel)
    panel.show_run(record(1))
    assert panel._bars.get_data().values.sum() == pytest.approx(1)
    assert panel._median.get_xdata()[0] == 3e10


def test_the_road_to_compare_with_is_drawn_with_the_place_where_it_is_as_busy() -> None:
    panel = same_road.lab().charts[0]
    assert isinstance(panel, AsBusy)
    drawn: list[bytes] = []
    picture = Picture(panel, 400, 300, drawn.append)
    picture.show_model({}, same_road.predict(lanes=2, rate=50, trip=20))
    panel = picture._panel  # type: ignore[assignment]
    assert len(panel._line.get_xdata()) == road.DENSITIES.size
    assert panel._here.get_ydata()[0] == pytest.approx(24)
    assert drawn[-1] != drawn[0]
