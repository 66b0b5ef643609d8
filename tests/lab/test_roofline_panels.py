"""Panels of the bottleneck: the roof is the smallest limit, and a load lies where it was offered, not where it was asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from perflab.lab.panels.roofline import Roofline, TakeOff
from perflab.lab.record import Record
from perflab.measure.frame import Frame

NONE = np.array([np.inf, np.inf])
MODEL: Any = SimpleNamespace(
    needs=np.array([1.0, 10.0]),
    limits={"CPU": np.array([1_000.0, 100.0]), "memory": NONE, "network": NONE, "disk": np.array([300.0, 300.0])},
    here=1.0,
    smallest="disk",
    loads=np.array([0.0, 50.0, 99.0]),
    response_ns=np.array([1e6, 2e6, 50e6]),
    load=25.0,
)


def record(load: int = 50, **more: int) -> Record:
    return Record("any", {"load": load, "cpu": 1, **more}, 1, "", Frame(), status="complete")


def test_the_roof_is_the_smallest_limit_at_each_need_and_the_scarcest_is_named() -> None:
    panel = Roofline(tuple(MODEL.limits), ((0.08, 30), (10, 100_000)), lambda run: (1.0, 250.0))
    panel.build(Figure().subplots())
    panel.show_model({}, MODEL)
    assert list(panel._roof.get_ydata()) == [300, 100]
    assert panel._here.get_ydata() == [pytest.approx(375)], "just above the roof"
    assert panel._name.get_text() == "smallest here: disk"
    panel.show_run(record())
    panel.show_pinned(record())
    assert panel._run.get_ydata() == panel._pinned.get_ydata() == [250]
    panel.show_run(None)
    assert len(panel._run.get_xdata()) == 0


def test_response_times_lie_over_the_load_that_was_offered() -> None:
    panel = TakeOff((1e5, 2e9), lambda run: (run.parameters["load"] / 2, 3e6))
    panel.build(Figure().subplots())
    panel.show_model({"load": 50}, MODEL)
    assert (panel._here.get_xdata(), panel._here.get_ydata()) == ([25], [1.5e6])
    for load in (50, 100):
        panel.show_run(record(load))
    assert panel._run.get_xdata() == [50]
    assert panel._dots.get_xdata() == [25, 50], "each load keeps its dot"
    panel.show_run(record(100, memory=4))
    assert panel._dots.get_xdata() == [50], "another mix, another curve"
    panel.show_pinned(record(80))
    assert panel._pinned.get_xdata() == [40]


def test_before_anybody_was_served_there_is_no_point_and_above_all_loads_the_model_leaves_the_chart() -> None:
    panel = TakeOff((1e5, 2e9), lambda run: None)
    panel.build(Figure().subplots())
    panel.show_model({"load": 120}, SimpleNamespace(**{**vars(MODEL), "load": 120.0}))
    assert panel._here.get_ydata() == [2e9]
    panel.show_run(record())
    panel.show_pinned(record())
    assert len(panel._run.get_xdata()) == len(panel._pinned.get_xdata()) == 0
