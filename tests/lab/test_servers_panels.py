"""The panel of a balancer: each load has its dot."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from matplotlib.figure import Figure

from perflab.lab.panels.servers import ResponseAgainstLoad
from perflab.lab.record import Record
from perflab.measure.frame import Frame


def record(rate: int = 100, **more: int) -> Record:
    return Record("any", {"rate": rate, **more}, 1, "", Frame(), status="complete")


MODEL = SimpleNamespace(
    rates=np.array([0.0, 100.0, 200.0]),
    response_ns=np.array([1e7, 2e7, 4e7]),
    best_ns=np.array([1e7, 1e7, np.nan]),
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
