"""How small a difference can this machine show? The same work measured against itself, in interleaved pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab import Lab, Panel, Record, Verdict, log_slider
from perflab.lab.palette import MEASURED, MODEL
from perflab.lab.panels.axes import legend_below
from perflab.measure.collector import gc_paused
from perflab.measure.compare import paired_ratio
from perflab.measure.frame import Frame
from perflab.measure.percentiles import percentile
from perflab.measure.timing import time_calls
from perflab.measure.units import count, duration, percent

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

WORK = 1_000
PAIRS_PER_SLICE = 3
FEWEST_PAIRS = 8


def experiment(calls: int) -> Iterator[Frame]:
    def operation() -> int:
        return sum(range(WORK))

    def median_ns() -> float:
        return percentile(time_calls(operation, repeats=calls, gc_off=False).latencies_ns, 0.5)

    while True:
        with gc_paused():
            medians = [(median_ns(), median_ns()) for _ in range(PAIRS_PER_SLICE)]
        first, second = np.array(medians).T
        yield Frame({"first_ns": first, "second_ns": second}, {"calls": 2 * calls * PAIRS_PER_SLICE})


def predict(calls: int) -> float:
    """The share by which two medians of so many calls differ by chance, for calls that scatter by 10%.

    The median of n values scatters by 1.25 σ / √n (normal limit), a difference of two by √2 more; 95% lie within 1.96 of it.
    """
    return float(1.96 * np.sqrt(2) * 1.253 * 0.1 / np.sqrt(calls))


class Pairs(Panel):
    """The ratio of each pair: 1 would be perfect."""

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="The same work, measured twice", xlabel="pair", ylabel="first ÷ second", xlim=(0, 400))
        axes.set_ylim(0.7, 1.3)
        self._band = axes.axhspan(
            np.nan, np.nan, color=MODEL, alpha=0.25, label="model: 95% of pairs, if nothing disturbs"
        )
        (self._dots,) = axes.plot([], [], "o", color=MEASURED, markersize=5, label="measured pair")
        legend_below(axes, 2)
        return [self._band, self._dots]

    def show_model(self, parameters: Mapping[str, Any], model: float) -> None:
        self._band.set_y(1 - model)
        self._band.set_height(2 * model)

    def show_run(self, record: Record | None) -> None:
        ratios = np.empty(0) if record is None else record.column("first_ns") / record.column("second_ns")
        self._dots.set_data(np.arange(ratios.size), np.clip(ratios, 0.7, 1.3))


def resolution(record: Record) -> float | None:
    """The share by which two settings must differ to be told apart: half of the ratio's 95% interval."""
    if record.column("first_ns").size < FEWEST_PAIRS:
        return None
    found = paired_ratio(record.column("first_ns"), record.column("second_ns"))
    return (found.high - found.low) / 2


def verdict(record: Record, pinned: Record | None) -> Verdict:
    share = resolution(record)
    if share is None:
        return Verdict(f"Needs {FEWEST_PAIRS} pairs, has {record.column('first_ns').size}.")
    return Verdict(
        f"In {duration(record.measured_s * 1e9)}, this machine can tell apart differences of {percent(share)}."
    )


def table(record: Record, pinned: Record | None) -> list[tuple[str, ...]]:
    share = resolution(record)
    rows: list[tuple[str, ...]] = [("pairs", count(record.column("first_ns").size)), ("calls", count(record.calls))]
    return rows + ([] if share is None else [("smallest difference that shows", percent(share))])


def lab() -> Lab:
    return Lab(
        question="How small a difference can this machine show?",
        experiment=experiment,
        predict=predict,
        controls={
            "calls": log_slider(10, 1_000, 100, unit="per median"),
        },
        panels=(Pairs(),),
        verdict=verdict,
        table=table,
        budget_s=3.0,
    )
