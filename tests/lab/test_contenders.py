"""Contenders on one chart: a point for each kind and number of workers, as long as nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from perflab.lab.axes import count_ticks
from perflab.lab.panels.contenders import AgainstWorkers, Gauges
from perflab.lab.record import Record
from perflab.measure.frame import Frame

KINDS = ("threads", "processes")


def record(value: float, **changes: Any) -> Record:
    chosen = {"kind": "threads", "workers": 8, "rate": 100, **changes}
    frame = Frame({"latency_ns": np.array([value])} if value else {})
    return Record("any", chosen, 1, "", frame, status="complete")


def value(run: Record) -> float:
    return float(run.column("latency_ns")[0]) if run.column("latency_ns").size else float("nan")


def panel() -> AgainstWorkers:
    made = AgainstWorkers(
        "Throughput",
        "per second",
        (1, 1e4),
        KINDS,
        np.array([1, 8, 64]),
        lambda model: model,
        value,
        count_ticks,
        limits=2,
    )
    made.build(Figure().subplots())
    made.show_model({"kind": "threads", "workers": 8}, (np.array([1, 8, 64]), [np.array([100, 100, 100])]))
    return made


def points(made: AgainstWorkers, kind: str) -> list[tuple[float, float]]:
    return list(zip(*made._dots[kind].get_data(), strict=True))


def test_each_kind_keeps_points_of_its_own() -> None:
    made = panel()
    made.show_run(record(80))
    made.show_run(record(160, workers=16))
    made.show_run(record(70, kind="processes"))
    assert points(made, "threads") == [(8, 80), (16, 160)]
    assert points(made, "processes") == [(8, 70)]
    assert made._run.get_ydata() == [70]


def test_another_condition_empties_the_chart() -> None:
    made = panel()
    made.show_run(record(80))
    made.show_run(record(70, kind="processes"))
    made.show_run(record(50, rate=50))
    assert points(made, "threads") == [(8, 50)]
    assert points(made, "processes") == []


def test_without_a_value_there_is_no_point() -> None:
    made = panel()
    made.show_run(record(0))
    made.show_pinned(record(0))
    assert points(made, "threads") == []
    assert len(made._pinned.get_xdata()) == len(made._run.get_xdata()) == 0


def test_as_many_limits_are_drawn_as_the_model_has() -> None:
    made = panel()
    assert [len(line.get_xdata()) for line in made._limits] == [3, 0]


def test_gauges_are_drawn_over_time_with_all_there_is() -> None:
    made = Gauges(
        2.0, 400, ("busy", "queued"), lambda _: (np.arange(3), {"busy": np.ones(3), "queued": np.zeros(3)}), lambda m: m
    )
    made.build(Figure().subplots())
    made.show_model({}, {"busy": 8.0, "queued": 100.0})
    made.show_run(record(1))
    assert made._lines["busy"].get_ydata().tolist() == [1, 1, 1]
    assert made._limits["queued"].get_ydata() == [100, 100]
    made.show_run(None)
    assert len(made._lines["busy"].get_xdata()) == 0
