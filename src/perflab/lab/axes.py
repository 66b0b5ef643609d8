"""Axes that read like speech: durations in ns, µs, ms and s on a logarithmic scale."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from perflab.lab.palette import PINNED
from perflab.measure.units import byte_size, count, duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


def duration_ticks(axis: Axis) -> None:
    """Label an axis of nanoseconds with units: 1 µs, 10 µs, 100 µs, 1 ms, …"""
    _ticks(axis, lambda value, _: duration(value, 1))


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
    """Label an axis of shares: 20%."""
    axis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")


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
    """Make an upright axis of counts logarithmic above 1, with room for 0 below: 0, 1, 3, 10, …"""
    axis.axes.set_yscale("symlog", linthresh=1, linscale=0.5)
    axis.set_ticks(ticks := [0, 1, 3, 10, 30, 100, 300], labels=map(str, ticks))


def byte_ticks(axis: Axis) -> None:
    """Label an axis of bytes with units: 1 kB, 1 MB, …"""
    _ticks(axis, lambda value, _: byte_size(value, 1))


def legend_below(axes: Axes, columns: int = 3) -> None:
    """A legend under the axes, where it never covers a measurement; in fewer columns where the figure is narrow."""
    figure = axes.get_figure()
    assert figure is not None
    labels = [str(label) for label in axes.get_legend_handles_labels()[1]]
    fitting = next(
        (most for most in range(columns, 1, -1) if _width(labels, most) <= figure.bbox.width / figure.dpi), 1
    )
    figure.legend(loc="outside lower center", ncols=fitting, frameon=False, columnspacing=1.2, handletextpad=0.5)


LETTER_IN, HANDLE_IN = 0.082, 0.62
"""Inches that a letter, and a handle with the space around it, take in a legend of 11 points."""


def _width(labels: list[str], columns: int) -> float:
    """Inches: entries fill column after column, as evenly as they can, and the longest of each column decides."""
    each, longer = divmod(len(labels), columns)
    ends = list(itertools.accumulate(each + (column < longer) for column in range(columns)))
    parts = [labels[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return sum(HANDLE_IN + LETTER_IN * max(map(len, part), default=0) for part in parts)


def _ticks(axis: Axis, text: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(text))
    axis.set_minor_formatter(NullFormatter())
