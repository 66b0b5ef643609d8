"""Marks of kinds: a dot for each setting in the marker of its kind, as long as nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from perflab.lab.chart import Axis, Chart
from perflab.lab.kinds import HereOfKind, measured_kinds
from perflab.lab.record import Record
from perflab.measure.frame import Frame

STYLES = {"threads": ("o", "#000000"), "processes": ("s", "#111111")}
X = np.array([1, 8, 64])


def record(value: float = np.nan, **changes: Any) -> Record:
    chosen = {"kind": "threads", "workers": 8, "rate": 100, **changes}
    return Record("any", chosen, 1, "", Frame({"latency_ns": X}, facts={"value": value}), status="complete")


def chart() -> tuple[Chart, Any]:
    def point(run: Record) -> tuple[float, float]:
        return run.parameters["workers"], run.fact("value")

    made = Chart(
        "any",
        Axis("workers", 1, 64),
        Axis("per second", 0, 100),
        HereOfKind("workers", lambda model: (X, model), "kind", STYLES),
        *measured_kinds(point, "kind", STYLES, among=("kind", "workers")),
    )
    axes = Figure().subplots()
    made.build(axes)
    return made, axes


def points(axes: Any, place: int) -> list[tuple[float, float]]:
    """What the line at this place shows: here, threads, processes, pinned, ring."""
    shown = zip(*axes.lines[place].get_data(), strict=True)
    return [(float(x), float(y)) for x, y in shown if np.isfinite(y)]


def test_each_kind_has_dots_of_its_own() -> None:
    made, axes = chart()
    runs = (record(80), record(160, workers=16), record(70, kind="processes"))
    made.show_run(runs[-1], runs)
    assert points(axes, 1) == [(8, 80), (16, 160)]
    assert points(axes, 2) == [(8, 70)]
    assert points(axes, 4) == [(8, 70)], "a ring around the newest"


def test_the_legend_names_the_kinds_or_else_the_newest_run() -> None:
    def names(**changes: bool) -> list[str]:
        axes = Figure().subplots()
        for mark in measured_kinds(lambda run: (1, 1), "kind", STYLES, among=(), **changes):
            mark.build(axes)
        return list(axes.get_legend_handles_labels()[1])

    assert names() == [*STYLES, "pinned run"]
    assert names(names_kinds=False) == ["pinned run", "this run"]


def test_another_condition_empties_the_chart() -> None:
    made, axes = chart()
    runs = (record(80), record(70, kind="processes"), record(50, rate=50))
    made.show_run(runs[-1], runs)
    assert points(axes, 1) == [(8, 50)]
    assert points(axes, 2) == []


def test_a_run_without_a_value_has_no_dot() -> None:
    made, axes = chart()
    made.show_run(record(), (record(),))
    made.show_pinned(record())
    assert [points(axes, place) for place in (1, 2, 3, 4)] == [[], [], [], []]


def test_the_pinned_run_is_shown_until_it_is_let_go() -> None:
    made, axes = chart()
    made.show_pinned(record(80))
    assert points(axes, 3) == [(8, 80)]
    made.show_pinned(None)
    assert points(axes, 3) == []


def test_the_ring_on_the_model_has_the_marker_of_the_chosen_kind() -> None:
    made, axes = chart()
    for kind, (marker, _) in STYLES.items():
        made.show_model({"kind": kind, "workers": 8}, np.array([10, 80, 100]))
        assert points(axes, 0) == [(8, 80)]
        assert axes.lines[0].get_marker() == marker
