"""Panels of a balancer: each server has its bar, each load its dot, each failure its cross."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from matplotlib.figure import Figure

from perflab.lab.panels.servers import ByServer, DoneAndFailed, ResponseAgainstLoad
from perflab.lab.record import Record
from perflab.measure.frame import Frame


def record(rate: int = 100, **more: int) -> Record:
    return Record("any", {"rate": rate, **more}, 1, "", Frame(), status="complete")


MODEL = SimpleNamespace(
    rates=np.array([0.0, 100.0, 200.0]),
    response_ns=np.array([1e7, 2e7, 4e7]),
    best_ns=np.array([1e7, 1e7, np.nan]),
    shares=np.array([10.0, 70.0]),
)


def test_the_model_follows_the_rate_and_runs_leave_dots() -> None:
    panel = ResponseAgainstLoad(400, (1e6, 1e9), lambda run: run.parameters["rate"] * 1e5)
    panel.build(Figure().subplots())
    panel.show_model({"rate": 150}, MODEL)
    assert panel._here.get_ydata() == [3e7]
    panel.show_run(record(100))
    panel.show_run(record(200))
    assert panel._old.get_xdata() == [100, 200]
    panel.show_run(record(200, servers=2))
    assert panel._old.get_xdata() == [200], "other servers, other curve"
    panel.show_pinned(record(100))
    assert panel._pinned.get_ydata() == [1e7]
    panel.show_run(None)
    assert len(panel._run.get_xdata()) == len(panel._old.get_xdata()) == 0


def test_each_server_has_its_bar_and_the_axis_holds_them() -> None:
    panel = ByServer(4, (60, 100, 500), lambda run: np.array([10.0, 60.0]))
    axes = Figure().subplots()
    panel.build(axes)
    panel.show_model({}, MODEL)
    panel.show_run(record())
    assert [bar.get_height() for bar in panel._bars] == [10, 60, 0, 0]
    assert axes.get_ylim() == (0, 100)
    panel.show_run(None)
    assert {bar.get_height() for bar in panel._bars} == {0}


def test_failures_are_crosses_where_there_were_any() -> None:
    lines = (np.array([0.1, 0.2, 0.3]), np.array([50, 40, 50]), np.array([0, 7, 0]))
    panel = DoneAndFailed(2.0, 600, lambda run: lines)
    panel.build(Figure().subplots())
    panel.show_model({"rate": 50}, None)
    panel.show_run(record())
    assert panel._failed.get_xdata().tolist() == [0.2]
    assert panel._offered.get_ydata() == [50, 50]
