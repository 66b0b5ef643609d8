"""Panels and pictures: what moves is redrawn, what stands still is kept, and nothing is drawn in vain."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from perflab.lab import palette
from perflab.lab.chart import Axis, Chart
from perflab.lab.marks import Line
from perflab.lab.panel import Panel
from perflab.lab.picture import CRISP, DRAFT, MAX_BACKGROUNDS, Picture
from perflab.lab.record import Record
from perflab.measure.frame import Frame

LATENCIES = np.random.default_rng(1).lognormal(8, 0.5, 3_000)


def record(latencies: Any = LATENCIES, **facts: Any) -> Record:
    size = len(latencies)
    reads = {"at_s": np.linspace(0, 2, size), "hit": np.arange(size) % 3 == 0}
    frame = Frame({"latency_ns": np.asarray(latencies), **reads}, {"calls": size}, {"batch": 1, **facts})
    return Record("any", {"rows": 1_000}, 1, "", frame, status="complete")


def size(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        return image.size


def test_a_draft_has_a_quarter_of_the_pixels_and_the_next_run_makes_it_crisp_again() -> None:
    drawn: list[bytes] = []
    line = Line(model=lambda model: ([0, 1], [0, model]), run=lambda run: ([0, 1], [1, 0]))
    picture = Picture(Chart("", Axis("x", 0, 1), Axis("y", 0, 1), line), 400, 250, drawn.append)
    picture.draw()
    picture.show_model({}, 1)
    assert size(drawn[-1]) == (400 * DRAFT, 250 * DRAFT)
    picture.show_run(record())
    assert size(drawn[-1]) == (400 * CRISP, 250 * CRISP)


class Counting(Panel):
    """Counts how often it is asked, and draws one line."""

    def build(self, axes: Any) -> Sequence[Any]:
        (self.line,) = axes.plot([0, 1], [0, 1])
        self.axes = axes
        return [self.line]

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        self.line.set_data([0, 1], [1, 0])


def test_a_panel_without_a_model_costs_nothing_while_dragging() -> None:
    drawn: list[bytes] = []
    picture = Picture(Counting(), 300, 200, drawn.append)
    picture.draw()
    before = len(drawn)
    picture.show_model({}, None)
    assert len(drawn) == before


def test_what_stands_still_is_drawn_once_until_limits_change(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(Counting(), 300, 200, lambda png: None)
    picture.draw()
    panel: Any = picture._panel
    draws: list[int] = []
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: draws.append(1))
    picture.show_run(None)
    picture.show_run(None)
    assert draws == []
    panel.axes.set_xlim(0, 7)
    picture.show_run(None)
    assert draws == [1]


def test_limits_used_a_moment_ago_need_no_full_draw_and_old_ones_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(Counting(), 300, 200, lambda png: None)
    picture.draw()
    panel: Any = picture._panel
    draws: list[int] = []
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: draws.append(1))
    for end in (7, 9, 7, 9, 7):
        panel.axes.set_xlim(0, end)
        picture.show_run(None)
    assert draws == [1, 1]
    for end in range(20, 60):
        panel.axes.set_xlim(0, end)
        picture.show_run(None)
    assert len(draws) == 42
    assert len(picture._backgrounds) == MAX_BACKGROUNDS


def test_meanings_differ_in_more_than_colour() -> None:
    lines = [palette.MODEL_LINE, palette.PINNED_LINE, palette.CLOCK_LINE]
    assert len({style["linestyle"] for style in lines}) == len(lines)
    assert palette.MEASURED_POINTS["marker"] != palette.PINNED_POINTS["marker"]
    colors = [
        palette.MEASURED,
        palette.SECOND,
        palette.CLOCK,
        palette.THIRD,
        palette.ALARM,
        palette.MODEL,
        palette.PINNED,
    ]
    assert len(set(colors)) == len(colors)


def test_parts_of_a_whole_are_told_apart_without_colour_by_brightness_or_hatching() -> None:
    looks = [(style.get("hatch"), style["color"]) for style in palette.SEGMENTS]
    assert all(a[0] != b[0] for a, b in itertools.pairwise(looks))
    assert len({color for _, color in looks}) == len(looks)
