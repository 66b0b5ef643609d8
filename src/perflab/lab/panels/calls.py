"""Each call in the order it was made: where warm-up, drifts and outliers show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.axes import count_ticks, duration_ticks, legend_below
from perflab.lab.palette import ALARM, CALL_DOTS, CLOCK_LINE, MODEL_LINE, PINNED, SECOND
from perflab.lab.panel import Panel
from perflab.lab.record import Record
from perflab.measure.warmup import warmup_length

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

MOST_DOTS = 4_000
WHOLE_WIDTH = (0.1, 1e9)


class Calls(Panel):
    """Latency of each call against its number, with warm-up and the clock's own cost marked.

    Needs the column "latency_ns". A model with `calls` is drawn as the planned end of the run, one with `clock_ns` as the
    clock's share of a call, one with `quoted_ns` as the band that people quote. The axis of call numbers is logarithmic,
    so that the first calls can be told apart.
    """

    def __init__(self, low_ns: float = 20, high_ns: float = 1e8) -> None:
        self._limits = (low_ns, high_ns)

    def build(self, axes: Axes) -> Sequence[Artist]:
        axes.set(title="Each call, in order", xlabel="call number (log)", ylabel="time of the call (log)")
        axes.set(xscale="log", yscale="log")
        axes.set_xlim(0.8, 150_000)
        axes.set_ylim(*self._limits)
        duration_ticks(axes.yaxis)
        count_ticks(axes.xaxis)
        self._quoted = axes.axhspan(np.nan, np.nan, color=SECOND, alpha=0.3, label="commonly quoted")
        (self._dots,) = axes.plot([], [], **CALL_DOTS, label="one call")
        (self._warm,) = axes.plot(
            [], [], **{**CALL_DOTS, "color": ALARM, "marker": "x", "markersize": 5}, label="warm-up"
        )
        (self._pinned,) = axes.plot([], [], ":", color=PINNED, linewidth=2, label="pinned median")
        (self._clock,) = axes.plot([], [], **CLOCK_LINE, label="clock's own cost")
        (self._end,) = axes.plot([], [], **MODEL_LINE, label="planned end")
        legend_below(axes)
        return [self._quoted, self._dots, self._warm, self._pinned, self._clock, self._end]

    def show_model(self, parameters: Mapping[str, Any], model: Any) -> None:
        calls, clock_ns = getattr(model, "calls", np.nan), getattr(model, "clock_ns", np.nan)
        low, high = getattr(model, "quoted_ns", (np.nan, np.nan))
        self._end.set_data([calls, calls], self._limits)
        self._quoted.set_y(low)
        self._quoted.set_height(max(high - low, 0.05 * low))
        self._clock.set_data(WHOLE_WIDTH, [clock_ns, clock_ns])

    def show_run(self, record: Record | None, runs: Sequence[Record] = ()) -> None:
        latencies = np.empty(0) if record is None else record.column("latency_ns")
        numbers = np.arange(1, latencies.size + 1)
        warm = warmup_length(latencies) if latencies.size else 0
        keep = _thinned(latencies, warm)
        self._dots.set_data(numbers[keep], latencies[keep])
        self._warm.set_data(numbers[:warm], latencies[:warm])

    def show_pinned(self, record: Record | None) -> None:
        median = np.nan if record is None or not record.calls else float(np.median(record.column("latency_ns")))
        self._pinned.set_data(WHOLE_WIDTH, [median, median])


def _thinned(latencies: np.ndarray, warm: int) -> np.ndarray:
    """Positions of the dots to draw: thinned evenly on the logarithmic axis, the slowest always kept."""
    positions = np.arange(warm, latencies.size)
    if positions.size <= MOST_DOTS:
        return positions
    even = np.unique(np.geomspace(warm + 1, latencies.size, MOST_DOTS).astype(int)) - 1
    slowest = np.argpartition(latencies, -200)[-200:]
    return np.union1d(even, slowest[slowest >= warm])
