"""A heat map counts samples in cells, shows a single one, and nothing without data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from perflab.lab.chart import Axis, Chart
from perflab.lab.heat_map import COLUMNS, ROWS, HeatMap
from perflab.lab.palette import HEAT
from perflab.lab.picture import Picture


def heat_map(**bound: Any) -> HeatMap:
    return HeatMap((0, 2), (1e6, 1e9), **bound)


def test_each_sample_is_in_one_cell_and_those_outside_in_the_last_one() -> None:
    counts = heat_map().counts([0.0, 1.0, 1.0, 1.999, 2.5, -1.0], [1e6, 3.17e7, 3.17e7, 9.9e8, 1e12, 0.0])
    assert counts.shape == (ROWS, COLUMNS) and counts.sum() == 6
    assert counts[0, 0] == 2, "the first one, and the one below both axes"
    assert counts[ROWS // 2, COLUMNS // 2] == 2
    assert counts[-1, -1] == 2, "the last one inside, and the one above both axes"


def test_counts_are_those_of_numpy() -> None:
    random = np.random.default_rng(7)
    x, y = random.uniform(0, 2, 5_000), np.exp(random.uniform(np.log(1e6), np.log(1e9), 5_000))
    edges = np.geomspace(1e6, 1e9, ROWS + 1), np.linspace(0, 2, COLUMNS + 1)
    assert np.array_equal(heat_map().counts(x, y), np.histogram2d(y, x, edges)[0])


def test_it_shows_one_sample_among_thousands_and_nothing_without_data() -> None:
    drawn: list[bytes] = []
    axes = Axis("time (s)", 0, 2), Axis("latency", 1e6, 1e9, log=True)
    picture = Picture(Chart("", *axes, heat_map(run=lambda run: run)), 300, 200, drawn.append)
    picture.draw()
    shown: Any = picture._panel
    for data in (([1.0], [1e8]), (np.ones(5_000), np.full(5_000, 1e7)), ([1.0] * 5_001, [1e7] * 5_000 + [1e8]), None):
        shown._marks[0].draw(data)
        picture.draw()
    nothing, one, many, both, cleared = drawn
    assert len({nothing, one, many, both}) == 4
    assert cleared == nothing


@pytest.mark.parametrize("colour", HEAT)
def test_every_colour_is_seen_on_white(colour: str) -> None:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    luminance = np.dot(linear, (0.2126, 0.7152, 0.0722))
    assert 1.05 / (luminance + 0.05) >= 3
