"""The two charts of every road: how much gets through against how much is on it, and how long the trips took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Axis, Chart, Record, latencies_of
from perflab.lab.axes import percent_ticks
from perflab.lab.marks import Histogram, Line, Rule, before, measured
from perflab.lab.palette import CLOCK, INK, MEASURED, MODEL, MODEL_HERE, MODEL_LINE, PINNED
from perflab.measure import percentile
from perflab.measure.summary import percentile_name


@dataclass(frozen=True)
class Curve:
    """Flow over densities, exact or an upper bound, where this setting lies, and the time of a trip on an empty road."""

    density: NDArray[np.float64]
    flow: NDArray[np.float64]
    exact: bool
    here: tuple[float, float]
    trip_s: float


def flow_against_density(
    x: Axis,
    y: Axis,
    point: Callable[[Record], tuple[float, float]],
    parts: Callable[[Record], tuple[Any, Any]],
    part: str,
    bound: str = "",
) -> Chart:
    """The fundamental diagram. The model is a `Curve`; `point(run)` is density and flow of a run, `parts` those of its parts.

    `bound` names the curve where it is an upper bound.
    """
    dashed = {**MODEL_LINE, "linestyle": "--", "linewidth": 2.2}
    bounds = (Line(bound, model=lambda curve: None if curve.exact else (curve.density, curve.flow), **dashed),)
    return Chart(
        "Flow against density",
        x,
        y,
        Line(
            "exact" if bound else "model",
            model=lambda curve: (curve.density, curve.flow) if curve.exact else None,
            **MODEL_LINE,
        ),
        *(bounds if bound else ()),
        Line(model=lambda curve: curve.here, **MODEL_HERE),
        Line(part, run=parts, color=MEASURED, marker=".", linestyle="none", alpha=0.4, markersize=7),
        Line("before", runs=before(point), color=CLOCK, marker="o", linestyle="none", markersize=6),
        *measured(point, label="this run", pinned="pinned"),
        empty="Each run will appear here.",
    )


def trip_times(
    what: str,
    free: str,
    ends_ns: tuple[float, float],
    ticks: Mapping[float, str],
    highest_share: float,
    tail: float,
    times: Callable[[Record], NDArray[Any]] = latencies_of,
) -> Chart:
    """How often each of a run's `times` (ns) occurred; `free` names the model's trip on an empty road, `tail` is a percentile."""

    def at(share: float) -> Callable[[Record], float | None]:
        return lambda run: percentile(times(run), share) if times(run).size else None

    return Chart(
        "Trip times",
        Axis("time of a trip", *ends_ns, log=True, ticks=ticks),
        Axis(f"share of {what}", 0, highest_share, ticks=percent_ticks),
        Histogram("this run", *ends_ns, 15, run=times, fill=True, color=MEASURED, alpha=0.75),
        Histogram("pinned", *ends_ns, 15, pinned=times, color=PINNED, linewidth=2, linestyle=":"),
        Rule("x", free, model=lambda curve: curve.trip_s * 1e9, color=MODEL, linewidth=2.5),
        Rule("x", "p50", run=at(0.5), color=INK, linewidth=2, linestyle="--"),
        Rule("x", percentile_name(tail), run=at(tail), color=CLOCK, linewidth=2, linestyle="-."),
        empty="Trips will appear here.",
    )
