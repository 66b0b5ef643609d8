"""The moving road: what is drawn is where the cars are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing import drawn, points

from perflab.chapters.highway.road_model import KM
from perflab.chapters.highway.road_panel import moving_road, place
from perflab.lab import Record
from perflab.measure import Frame, merge

CHOSEN = {"lanes": 2, "cars": 30, "limit": 135, "hesitation": 0.2}
CARS = ("stands", "is slow", "drives")


def record(*speeds: int, **facts: object) -> Record:
    """Two frames: one car that stood at the entrance, then cars at cells 0, 10, 20, … with these speeds."""
    first = Frame({name: np.array([0]) for name in ("position", "lane", "speed")} | {"cars": np.array([1])})
    cells = np.arange(len(speeds)) * 10
    now = {"position": cells, "lane": cells // 10 % 2, "speed": np.array(speeds), "cars": np.array([len(speeds)])}
    return Record("road", CHOSEN, 1, "", merge([first, Frame(now, {}, facts)]))


def shown(*speeds: int, **facts: object) -> tuple[Any, dict[str, Any]]:
    chart, artists = drawn(moving_road("a road"))
    chart.show_model(CHOSEN, None)
    chart.show_run(record(*speeds, **facts))
    return chart, artists


def test_each_car_is_drawn_once_by_its_speed_in_its_cell_and_lane() -> None:
    chart, artists = shown(0, 0, 1, 2, 5, waiting=7)
    assert [len(points(artists[name])) for name in CARS] == [2, 2, 1]
    assert points(artists["stands"]) == [pytest.approx(place(0, 0, 2)), pytest.approx(place(10, 1, 2))]
    assert points(artists["drives"]) == [pytest.approx(place(40, 0, 2))]
    chart.show_run(None)
    assert sum(len(points(artists[name])) for name in (*CARS, "2")) == 0


def test_where_cars_stood_is_remembered_below_the_road_the_newest_on_top() -> None:
    _, artists = shown(0, 0, 1)
    stood = points(artists["2"])
    assert len(stood) == 3, "two that stand now, one that stood before"
    assert stood[0][1] < stood[1][1] == stood[2][1] < 0


def test_cars_that_wait_at_the_entrance_are_counted() -> None:
    assert shown(5, waiting=7)[1]["6"].get_text() == "7 waiting at the entrance"
    assert shown(5, waiting=0)[1]["6"].get_text() == ""


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_there_is_a_line_on_each_side_of_each_lane(lanes: int) -> None:
    chart, artists = drawn(moving_road("a road"))
    chart.show_model({**CHOSEN, "lanes": lanes}, None)
    x, y = np.array(artists["1"].get_data()).reshape(2, -1, 3)
    assert len(y) == lanes + 1
    assert np.all(x[:, :2] == [0, KM]) and np.all(np.isnan(x[:, 2])), "a gap after each"
    middles = [place(0, lane, lanes)[1] for lane in range(lanes)]
    assert (y[1:, 0] + y[:-1, 0]) / 2 == pytest.approx(middles)


def test_a_ring_is_drawn_as_one_lane() -> None:
    chart, artists = drawn(moving_road("a ring"))
    chosen = {"cars": 20, "limit": 135, "hesitation": 0.0}
    chart.show_model(chosen, None)
    assert len(artists["1"].get_xdata()) == 2 * 3, "the lines beside one lane"
    chart.show_run(Record("ring", chosen, 1, "", record(5, 5).frame))
    assert points(artists["drives"])[0] == pytest.approx(place(0, 0, 1))
