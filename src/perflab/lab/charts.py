"""The charts that several labs share: latency against a control, a run's distribution, numbers with intervals, percentiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from perflab.lab.axes import count_ticks, duration_ticks, percent_ticks
from perflab.lab.chart import Axis, Chart, Ticks
from perflab.lab.marks import Here, Histogram, Line, Mark, Of, Rule, before
from perflab.lab.palette import (
    ALARM,
    INK,
    MEASURED,
    MEASURED_POINTS,
    MODEL,
    MODEL_LINE,
    PINNED,
    PINNED_POINTS,
)
from perflab.lab.record import Record
from perflab.lab.rows import intervals_in, named_rows, values_in
from perflab.measure.estimate import Estimate
from perflab.measure.percentiles import percentile

LATENCY = "latency_ns"
NINES = {0.0: "0", math.log10(2): "50%", 1: "90%", 2: "99%", 3: "99.9%", 4: "99.99%"}
SHARES = 1 - np.logspace(0, -4, 200)
"""Shares of calls at which a model's percentiles are drawn, on a `percentile_axis` at `nines(SHARES)`."""


def versus(
    control: str,
    ends: tuple[float, float],
    ends_ns: tuple[float, float],
    curve: Of,
    xlabel: str,
    column: str = LATENCY,
    tail: bool = True,
    ticks: Ticks = count_ticks,
) -> Chart:
    """Median (and, with `tail`, p99) of a column (ns) against a control, on log axes; settings measured before stay as dots.

    `curve(model)` gives values of the control and latencies (ns) over its whole range.
    """

    def at(share: float) -> Callable[[Record], tuple[float, float]]:
        def point(run: Record) -> tuple[float, float]:
            latencies = run.column(column)
            return float(run.parameters[control]), percentile(latencies, share) if latencies.size else np.nan

        return point

    dots: dict[str, Any] = {"color": MEASURED, "marker": "o", "linestyle": "none", "alpha": 0.45, "markersize": 5}
    triangle: dict[str, Any] = {"color": ALARM, "marker": "^", "linestyle": "none", "markersize": 8}
    return Chart(
        f"Latency against {xlabel}",
        Axis(xlabel, *ends, log=True, ticks=ticks),
        Axis("latency", *ends_ns, log=True, ticks=duration_ticks),
        Line("model", model=curve, **MODEL_LINE),
        Here(control, curve, log=True),
        Line("measured before", runs=before(at(0.5), None), **dots),
        Line("pinned run", pinned=at(0.5), **PINNED_POINTS),
        *((Line("measured p99", run=at(0.99), **triangle),) if tail else ()),
        Line("measured median", run=at(0.5), **MEASURED_POINTS),
        empty="Each run will appear here.",
    )


def distribution(low_ns: float = 20, high_ns: float = 1e8) -> Chart:
    """How often each latency occurred, with mean, median and p99: this run filled, the pinned run as an outline."""

    def rule(label: str, color: str, linestyle: str, value: Callable[[np.ndarray, Record], float]) -> Mark:
        def of(run: Record) -> float:
            latencies = run.column(LATENCY)
            return value(latencies, run) if latencies.size else np.nan

        return Rule("x", label, run=of, color=color, linestyle=linestyle, linewidth=2, ymax=0.97)

    def tail(latencies: np.ndarray, run: Record) -> float:
        # A mean of a batch says nothing about the slowest hundredth of the calls in it.
        return percentile(latencies, 0.99) if run.fact("batch", 1) == 1 else np.nan

    return Chart(
        "Their distribution",
        Axis("time of a call", low_ns, high_ns, log=True, ticks=duration_ticks),
        Axis("share of calls", 0, 1, ticks=percent_ticks),
        Histogram("this run", low_ns, high_ns, run=latencies_of, fill=True, color=MEASURED, alpha=0.75),
        Histogram("pinned run", low_ns, high_ns, pinned=latencies_of, color=PINNED, linewidth=2, linestyle=":"),
        rule("median", INK, "-", lambda latencies, _: percentile(latencies, 0.5)),
        rule("mean", MODEL, "--", lambda latencies, _: float(latencies.mean())),
        rule("p99 (nearest rank)", ALARM, "-.", tail),
        empty="Their distribution will appear here.",
    )


def intervals(
    names: Sequence[str],
    low: float,
    high: float,
    measured: Callable[[Record], Mapping[str, Estimate]],
    expected: Callable[[Any], Mapping[str, Estimate]],
    title: str,
    band: str = "model: where 95% of such runs fall",
    xlabel: str = "latency",
    ticks: Ticks = duration_ticks,
    empty: str = "",
) -> Chart:
    """A row for each name: the run's number with its interval on a log axis, and the model's as a band behind it.

    `measured(record)` and `expected(model)` give an `Estimate` for each name; without one its row stays empty. An interval
    that is not known is not drawn.
    """

    def points(run: Record) -> Any:
        return values_in(names, measured(run))

    # The ends are marked, so that a band narrower than a dot is seen behind it.
    wide: dict[str, Any] = {"linewidth": 12, "solid_capstyle": "butt", "marker": "|", "markersize": 20}
    return Chart(
        title,
        Axis(xlabel, low, high, log=True, ticks=ticks),
        named_rows(names),
        Line(
            band,
            model=lambda model: intervals_in(names, expected(model)),
            color=MODEL,
            alpha=0.4,
            markeredgewidth=2,
            **wide,
        ),
        Line(run=lambda run: intervals_in(names, measured(run)), color=MEASURED, linewidth=2),
        Line("pinned run", pinned=points, **PINNED_POINTS),
        Line("measured, 95% interval", run=points, **MEASURED_POINTS),
        columns=2,
        empty=empty,
    )


def latencies_of(run: Record) -> np.ndarray:
    """All latencies of a run, ns."""
    return run.column(LATENCY)


def percentile_axis(what: str, most_nines: int = 4) -> Axis:
    """Shares of calls (`what`), on which 90%, 99% and 99.9% are equally far apart, so that tails can be read."""
    ticks = {position: text for position, text in NINES.items() if position <= most_nines}
    return Axis(f"share of {what} that are at most as slow", 0, most_nines, ticks=ticks)


def nines(shares: Any) -> Any:
    """Position of a share of calls on a `percentile_axis`: how many nines it has, −log10(1 − share)."""
    return -np.log10(1 - np.asarray(shares, float))


def percentile_curve(latencies: np.ndarray, most: int = 1_000) -> tuple[np.ndarray, np.ndarray]:
    """Positions on a `percentile_axis` and latencies (nearest rank): at most `most` points, the slowest call kept."""
    if not latencies.size:
        return np.empty(0), np.empty(0)
    ordered = np.sort(latencies)
    left_out = np.unique(np.round(np.logspace(0, np.log10(ordered.size), min(most, ordered.size))).astype(int))[::-1]
    positions = ordered.size - left_out
    return nines(positions / ordered.size), ordered[positions]
