"""Throughput against workers with a fitted law, and what the same numbers say about the time of one operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab.axes import count_ticks, duration_ticks, legend_below
from perflab.lab.palette import ALARM, CLOCK, MEASURED, MEASURED_POINTS, MODEL, MODEL_LINE, PINNED, PINNED_POINTS
from perflab.lab.panel import Panel
from perflab.lab.record import Record

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Measured:
    """Means (per s) with half of their 95% interval at `numbers` of workers, all of one shape; the fit's curve over `workers`;
    the number left out of the fit and what it foretells there (low, high).
    """

    numbers: NDArray[Any]
    means: NDArray[np.float64]
    half: NDArray[np.float64]
    workers: NDArray[np.float64]
    curve: NDArray[np.float64] | None
    left_out: int
    foretold: tuple[float, float] | None


MeasuredOf = Callable[[Record], Measured | None]


class Scaling(Panel):
    """Throughput against workers, both on log axes, with the fit and the interval that it foretells."""

    width = 1.3

    def __init__(self, ends: tuple[float, float], most: int, measured: MeasuredOf) -> None:
        self._ends, self._most, self._measured = ends, most, measured

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Throughput against workers", xlabel="workers (log)", ylabel="operations per second (log)")
        axes.set(xscale="log", yscale="log", xlim=(0.9, self._most * 1.2), ylim=self._ends)
        axes.set_xticks([2**power for power in range(self._most.bit_length())])
        count_ticks(axes.xaxis)
        count_ticks(axes.yaxis)
        (self._linear,) = axes.plot([], [], color=MODEL, linestyle=":", linewidth=2, label="no limit")
        (self._model,) = axes.plot([], [], **MODEL_LINE, label="model")
        (self._fit,) = axes.plot([], [], color=CLOCK, linestyle="--", linewidth=2.5, label="fitted law")
        (self._foretold,) = axes.plot([], [], color=ALARM, linewidth=9, alpha=0.6, label="foretold, 95%")
        self._whiskers = axes.vlines([], [], [], color=MEASURED, linewidth=2)
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        (self._dots,) = axes.plot([], [], **MEASURED_POINTS, label="measured")
        (self._left_out,) = axes.plot([], [], "*", color=MEASURED, markersize=16, label="left out of the fit")
        legend_below(axes, 4)
        moving = [self._linear, self._model, self._fit, self._foretold, self._whiskers, self._pinned]
        return [*moving, self._dots, self._left_out]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._linear.set_data(model.workers, model.linear)
        self._model.set_data(model.workers, model.throughput)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        seen = None if record is None else self._measured(record)
        if seen is None:
            for artist in (self._fit, self._foretold, self._dots, self._left_out):
                artist.set_data([], [])
            self._whiskers.set_segments([])
            return
        out = seen.numbers == seen.left_out
        self._dots.set_data(seen.numbers[~out], seen.means[~out])
        self._left_out.set_data(seen.numbers[out], seen.means[out])
        low, high = np.maximum(seen.means - seen.half, self._ends[0]), seen.means + seen.half
        self._whiskers.set_segments([[(n, a), (n, b)] for n, a, b in zip(seen.numbers, low, high, strict=True)])
        shown = seen.curve is not None
        self._fit.set_data(seen.workers if shown else [], seen.curve if seen.curve is not None else [])
        foretold = seen.foretold
        self._foretold.set_data([seen.left_out] * 2 if foretold else [], foretold or [])

    def show_pinned(self, record: Record | None) -> None:
        seen = None if record is None else self._measured(record)
        self._pinned.set_data([] if seen is None else seen.numbers, [] if seen is None else seen.means)


class TimePerOperation(Panel):
    """Workers divided by throughput: how long one operation takes (Little's law, one in each worker)."""

    def __init__(self, most: int, measured: MeasuredOf) -> None:
        self._most, self._measured = most, measured

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Time of one operation: N / X", xlabel="workers (log)", ylabel="time (log)")
        axes.set(xscale="log", yscale="log", xlim=(0.9, self._most * 1.2), ylim=(1e5, 2e9))
        axes.set_xticks([2**power for power in range(self._most.bit_length())])
        count_ticks(axes.xaxis)
        duration_ticks(axes.yaxis)
        (self._model,) = axes.plot([], [], **MODEL_LINE, label="model")
        self._here = axes.axvline(np.nan, color=PINNED, linestyle=":", linewidth=2, label="left out of the fit")
        (self._pinned,) = axes.plot([], [], **PINNED_POINTS, label="pinned run")
        (self._dots,) = axes.plot([], [], **MEASURED_POINTS, label="measured")
        legend_below(axes, 2)
        return [self._model, self._here, self._pinned, self._dots]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        self._model.set_data(model.workers, 1e9 * model.workers / model.throughput)
        self._here.set_xdata([model.here] * 2)

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        self._dots.set_data(*self._times(record))

    def show_pinned(self, record: Record | None) -> None:
        self._pinned.set_data(*self._times(record))

    def _times(self, record: Record | None) -> Any:
        seen = None if record is None else self._measured(record)
        return ([], []) if seen is None else (seen.numbers, 1e9 * seen.numbers / seen.means)
