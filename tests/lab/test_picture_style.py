"""Charts look the same whatever the learner has set in matplotlib, and nothing that the learner has set is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import matplotlib
import numpy as np
import pytest
from labs import find_labs
from matplotlib import style

from perflab.lab.axes import duration_ticks
from perflab.lab.chart import Axis, Chart
from perflab.lab.charts import distribution
from perflab.lab.marks import Band, Bars, Histogram, Label, Line, Note, Rule, Whiskers
from perflab.lab.palette import MEASURED_LINE, MODEL_LINE
from perflab.lab.picture import Picture
from perflab.lab.record import Record
from perflab.measure.frame import Frame

HOSTILE: dict[str, Any] = {
    "axes.autolimit_mode": "round_numbers",
    "axes.axisbelow": False,
    "axes.edgecolor": "white",
    "axes.facecolor": "black",
    "axes.grid.which": "both",
    "axes.labelcolor": "white",
    "axes.linewidth": 6,
    "axes.prop_cycle": matplotlib.cycler(color=["white", "yellow"]),
    "axes.spines.left": False,
    "axes.titlesize": 40,
    "axes.unicode_minus": False,
    "axes.xmargin": 0.3,
    "figure.autolayout": True,
    "figure.dpi": 33,
    "figure.facecolor": "black",
    "font.family": "serif",
    "font.sans-serif": ["DejaVu Serif"],
    "font.size": 25,
    "font.weight": "bold",
    "grid.color": "yellow",
    "grid.linewidth": 4,
    "hatch.color": "white",
    "hatch.linewidth": 5,
    "legend.fontsize": 30,
    "legend.frameon": True,
    "lines.linewidth": 9,
    "mathtext.fontset": "stix",
    "patch.linewidth": 8,
    "path.sketch": (2, 80, 3),
    "text.antialiased": False,
    "text.color": "red",
    "text.usetex": True,
    "xtick.color": "white",
    "xtick.direction": "in",
    "xtick.labelsize": 30,
    "xtick.major.size": 30,
    "xtick.minor.visible": True,
    "xtick.top": True,
    "ytick.color": "white",
}
"""What a `matplotlibrc` may hold, and more of it than any does."""
SMOOTHING = ("text.hinting", "text.hinting_factor", "path.snap", "lines.antialiased")
"""How letters and lines meet pixels is asked at each draw, and for new ticks; it hides nothing. Only "classic" sets it."""
RUN = Record(
    "any", {"rows": 1_000}, 1, "", Frame({"latency_ns": np.geomspace(200, 9e5, 500)}, {"calls": 500}), status="complete"
)


STYLES = ("dark_background", "classic", "ggplot", "grayscale", "fivethirtyeight", "Solarize_Light2", "bmh", "petroff10")


def of_marks() -> list[Chart]:
    """A chart of every mark with room for more ticks later, and one of those that labs share."""
    marks = (
        Line("model", model=lambda end: ([1, end], [1, end]), **MODEL_LINE),
        Line("run", run=lambda run: ([1, 9], [5, 5]), **MEASURED_LINE),
        Rule("x", "rule", run=lambda run: 4),
        Band("y", "band", run=lambda run: (2, 3)),
        Bars(3, run=lambda run: [1, 2, 3], hatch="//"),
        Whiskers(run=lambda run: ([5.0], [2.0], [8.0])),
        Histogram("calls", 1, 10, run=lambda run: [5.0] * 9, fill=True),
        Note(0.1, 0.9, run=lambda run: "CPU"),
        Line("on the line", model=lambda end: ([1, end], [2, 3]), at="end", side="below"),
        Label(run=lambda run: (5, 5, "−5 ms"), fontsize=13),
    )
    grows: dict[str, Any] = {"ends": (10, 1_000, 10_000_000), "reach": lambda end: end}
    x, y = Axis("rows", 0, 10, **grows), Axis("latency", 1, 10, log=True, ticks=duration_ticks, **grows)
    return [Chart("−1: every mark", x, y, *marks, empty="Nothing yet."), distribution(100, 1e8)]


def drawn(panels: Any, show: Callable[[Picture], None]) -> list[bytes]:
    """All pictures of panels, at least one of each."""
    pngs: list[bytes] = []
    for panel in panels:
        before = len(pngs)
        picture = Picture(panel, 500, 300, pngs.append)
        show(picture)
        if len(pngs) == before:
            picture.draw()
    return pngs


def show_all(picture: Picture) -> None:
    for end in (10, 1_000, 10_000_000):
        picture.show_model({}, end)
    picture.show_run(RUN, [RUN])
    picture.show_pinned(RUN)


@cache
def plain() -> list[bytes]:
    """The pictures in our style."""
    return drawn(of_marks(), show_all)


def hostile(name: str) -> Mapping[str, Any]:
    if name == "a hostile matplotlibrc":
        return HOSTILE
    return {key: value for key, value in style.library[name].items() if key not in SMOOTHING}


@pytest.mark.long
@pytest.mark.parametrize("name", ["a hostile matplotlibrc", *STYLES])
def test_a_style_of_the_learners_changes_no_pixel_of_ours(name: str) -> None:
    ours = plain()
    with matplotlib.rc_context(dict(hostile(name))):
        assert drawn(of_marks(), show_all) == ours


@pytest.mark.long
def test_this_test_would_see_a_style() -> None:
    ours = plain()
    with matplotlib.rc_context({"axes.facecolor": "black"}):
        import perflab.lab.picture as module

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "our_style", dict)
            assert drawn(of_marks(), show_all) != ours


LABS = find_labs()


@pytest.mark.long
@pytest.mark.parametrize("name", LABS)
def test_no_lab_shows_a_style_of_the_learners(name: str) -> None:
    lab = LABS[name]()

    def show(picture: Picture) -> None:
        if lab.predict is not None and lab.calibrate is None:
            picture.show_model(lab.check({}), lab.model(lab.check({})))
        picture.show_run(None)

    ours = drawn(lab.charts, show)
    with matplotlib.rc_context(HOSTILE):
        assert drawn(lab.charts, show) == ours


@pytest.mark.long
def test_nothing_that_the_learner_has_set_is_touched_while_a_lab_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell of the learner's may draw at the same time, on another thread."""
    set_: list[str] = []
    with matplotlib.rc_context(HOSTILE):
        before = dict(matplotlib.rcParams)
        pictures = [Picture(panel, 500, 300, lambda png: None) for panel in of_marks()]
        assert dict(matplotlib.rcParams) == before
        monkeypatch.setattr(matplotlib.RcParams, "__setitem__", lambda _, name, value: set_.append(name))
        monkeypatch.setattr(matplotlib.RcParams, "update", lambda *_: set_.append("update"))
        for picture in pictures:
            show_all(picture)
        assert dict(matplotlib.rcParams) == before
    monkeypatch.undo()
    assert set_ == []
