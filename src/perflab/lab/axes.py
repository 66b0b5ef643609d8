"""Axes that read like speech: durations in ns, µs, ms and s on a logarithmic scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.lab.palette import PINNED
from perflab.measure.units import byte_size, count, duration

if TYPE_CHECKING:
    from matplotlib.axis import Axis

STEPS, MOST_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0), 6
"""Of an axis of shares."""


def duration_ticks(axis: Axis) -> None:
    """Label an axis of nanoseconds with units: 1 µs, 10 µs, 100 µs, 1 ms, …"""
    _ticks(axis, lambda value, _: duration(value, 1) if value else "0")


def human_ticks(axis: Axis) -> None:
    """Label an axis of nanoseconds below, and above with what they would be if a nanosecond were a second."""
    duration_ticks(axis)
    above = axis.axes.secondary_xaxis("top")
    times = {"1 s": 1, "1 min": 60, "1 h": 3.6e3, "1 day": 8.64e4, "1 month": 2.63e6, "10 years": 3.16e8}
    above.set_xticks(list(times.values()), list(times))
    above.tick_params(length=3, pad=1)
    above.minorticks_off()


def count_ticks(axis: Axis) -> None:
    """Label an axis with whole numbers: 1,000."""
    _ticks(axis, lambda value, _: count(value))


def percent_ticks(axis: Axis) -> None:
    """Label an axis of shares: 20%. Where it grows, the steps grow with it, whatever style the learner has set meanwhile."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    class Steps(FixedLocator):
        def __call__(self) -> Any:
            low, high = axis.get_view_interval()
            step = next(step for step in STEPS if high - low <= MOST_STEPS * step)
            return step * np.arange(np.ceil(low / step), np.floor(high / step) + 1) + 0.0  # no -0%

    if axis.get_scale() == "linear":
        axis.set_major_locator(Steps([]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))


def plain_ticks(axis: Axis) -> None:
    """Label an axis with numbers as they are: 0.5, 100."""
    axis.set_major_formatter(lambda value, _: f"{value:g}")


def times_ticks(axis: Axis) -> None:
    """Label an axis of ratios: 0.3×, 1×, 3×, …, and mark where nothing changes."""
    from matplotlib.ticker import FixedLocator

    _ticks(axis, lambda value, _: f"{value:g}×")
    axis.set_major_locator(FixedLocator(TIMES))
    axis.axes.axvline(1, color=PINNED, linewidth=1.5, linestyle=":")


TIMES = (0.1, 0.3, 1, 3, 10, 30, 100)


def from_zero_ticks(axis: Axis) -> None:
    """Make an axis of counts logarithmic above 1, with room for 0 before: 0, 1, 3, 10, …"""
    scale = axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale
    scale("symlog", linthresh=1, linscale=0.5)
    ticks = [tick for tick in (0, 1, 3, 10, 30, 100, 300, 1_000) if tick <= axis.get_view_interval()[1]]
    axis.set_ticks(ticks, labels=map(count, ticks))


def byte_ticks(axis: Axis) -> None:
    """Label an axis of bytes with units: 1 kB, 1 MB, …"""
    _ticks(axis, lambda value, _: byte_size(value, 1))


def _ticks(axis: Axis, text: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(text))
    axis.set_minor_formatter(NullFormatter())
