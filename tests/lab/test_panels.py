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
from perflab.lab.panels import (
    Breakdown,
    HitRatio,
    Humps,
    Ladder,
    Reads,
    Shares,
    TimeLine,
    Waterfall,
)
from perflab.lab.picture import CRISP, DRAFT, MAX_BACKGROUNDS, Picture
from perflab.lab.record import Record
from perflab.measure.compare import Ratio
from perflab.measure.estimate import Estimate
from perflab.measure.frame import Frame

LATENCIES = np.random.default_rng(1).lognormal(8, 0.5, 3_000)


def record(latencies: Any = LATENCIES, **facts: Any) -> Record:
    size = len(latencies)
    reads = {"at_s": np.linspace(0, 2, size), "hit": np.arange(size) % 3 == 0}
    frame = Frame({"latency_ns": np.asarray(latencies), **reads}, {"calls": size}, {"batch": 1, **facts})
    return Record("any", {"rows": 1_000}, 1, "", frame, status="complete")


def breakdown(run: Any) -> Breakdown:
    whole_ns = float(np.median(run.column("latency_ns")))
    return Breakdown({"send": whole_ns / 3 + 1e4, "wait": whole_ns + 1e4}, [(0, whole_ns), (10, whole_ns)])


def steps(run: Any) -> dict[str, Estimate]:
    median = float(np.median(run.column("latency_ns")))
    return {
        "off": Estimate(3 * median),
        "index": Estimate(median, 0.9 * median, 1.1 * median),
        "worse": Estimate(2 * median),
    }


def gains(run: Any) -> dict[str, Ratio]:
    return {"index": Ratio(3, 2.9, 3.1), "worse": Ratio(0.5, 0.4, 0.6)}


def panels() -> list[Panel]:
    return [
        TimeLine(("send", "wait"), breakdown, 2, "wait"),
        Shares(("send", "wait"), breakdown),
        Reads(2.0, 1e2, 1e8),
        HitRatio(2.0),
        Humps(1e2, 1e8),
        Ladder([("off", "all off"), ("index", "an index")], 1e2, 1e8, steps, lambda name: name == "off", "off"),
        Waterfall(("off", "index", "worse"), 1e2, 1e8, steps, gains, "steps", lambda model: model.steps),
    ]


class Model:
    parts, total = {"send": 2e5, "wait": 3e5}, 5e5
    at_s, ratio_so_far, steady, hit, miss, mean = (1.0, 2.0), np.array([0.2, 0.4]), 0.5, 1e4, 1e6, 5e5
    steps = {"off": Estimate(1e6), "index": Estimate(1e5)}
    quotes_ns = {"index": (1e4, 1e5)}


def size(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        return image.size


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: type(panel).__name__)
def test_each_panel_shows_model_run_and_pinned_run_and_can_be_emptied(panel: Panel) -> None:
    drawn: list[bytes] = []
    picture = Picture(panel, 500, 320, drawn.append)
    empty = drawn[-1]
    picture.show_run(record())
    with_run = drawn[-1]
    assert with_run != empty
    picture.show_pinned(record(LATENCIES * 3))
    assert drawn[-1] != with_run
    picture.show_pinned(None)
    picture.show_run(None)
    assert drawn[-1] == empty
    if type(panel).show_model is not Panel.show_model:
        picture.show_model({"rows": 1_000}, Model())
        picture.draw()
        assert drawn[-1] != empty


@pytest.mark.parametrize("latencies", [[5.0], [0.0, 0.0], [1e12] * 3, np.full(100_000, 77.0)], ids=len)
def test_odd_runs_are_drawn_without_complaint(latencies: Any) -> None:
    for panel in panels():
        Picture(panel, 400, 250, lambda png: None).show_run(record(latencies))


def test_a_draft_has_a_quarter_of_the_pixels_and_the_next_run_makes_it_crisp_again() -> None:
    drawn: list[bytes] = []
    line = Line(model=lambda model: ([0, 1], [0, model]), run=lambda run: ([0, 1], [1, 0]))
    picture = Picture(Chart("", Axis("x", 0, 1), Axis("y", 0, 1), line), 400, 250, drawn.append)
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
    before = len(drawn)
    picture.show_model({}, None)
    assert len(drawn) == before


def test_what_stands_still_is_drawn_once_until_limits_change(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(Counting(), 300, 200, lambda png: None)
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
    assert len(set(palette.SERIES)) == len(palette.SERIES)


@pytest.mark.parametrize("ended", [0.0, 1e3, 7e5, 4e6, 9e9])
def test_a_time_line_holds_the_whole_on_an_axis_of_round_numbers(ended: float) -> None:
    panel = TimeLine(("send", "wait"), breakdown, 0, "wait")
    picture = Picture(panel, 400, 250, lambda png: None)
    picture.show_model({}, Breakdown({"send": ended / 2, "wait": ended / 2}))
    panel = picture._panel  # type: ignore[assignment]
    end_ms = panel._axes.get_xlim()[1]
    assert end_ms >= min(ended / 1e6, 5_000)
    assert str(end_ms)[0] in "125"


def test_a_waterfall_says_what_got_faster_slower_or_neither() -> None:
    panel = Waterfall(("off", "index", "worse"), 1e2, 1e8, steps, gains, "steps")
    picture = Picture(panel, 400, 250, lambda png: None)
    picture.show_run(record())
    panel = picture._panel  # type: ignore[assignment]
    assert [text.get_text() for text in panel._texts] == ["", "3.0× faster", "2.0× slower"]
    panel = Waterfall(("off", "index"), 1e2, 1e8, steps, lambda run: {"index": Ratio(1.2, 0.8, 1.5)}, "steps")
    picture = Picture(panel, 400, 250, lambda png: None)
    picture.show_run(record())
    panel = picture._panel  # type: ignore[assignment]
    assert [text.get_text() for text in panel._texts] == ["", "too close"]


def test_parts_of_a_whole_are_told_apart_without_colour_by_brightness_or_hatching() -> None:
    looks = [(style.get("hatch"), style["color"]) for style in palette.SEGMENTS]
    assert all(a[0] != b[0] for a, b in itertools.pairwise(looks))
    assert len({color for _, color in looks}) == len(looks)
