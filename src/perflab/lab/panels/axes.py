"""Axes that read like speech: durations in ns, µs, ms and s on a logarithmic scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perflab.measure.units import count, duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


def duration_ticks(axis: Axis) -> None:
    """Label an axis of nanoseconds with units: 1 µs, 10 µs, 100 µs, 1 ms, …"""
    _ticks(axis, lambda value, _: duration(value, 1))


def count_ticks(axis: Axis) -> None:
    """Label an axis with whole numbers: 1,000."""
    _ticks(axis, lambda value, _: count(value))


def legend_below(axes: Axes, columns: int = 3) -> None:
    """A legend under the axes, where it never covers a measurement."""
    figure = axes.get_figure()
    assert figure is not None
    figure.legend(loc="outside lower center", ncols=columns, frameon=False, columnspacing=1.2, handletextpad=0.5)


def _ticks(axis: Axis, text: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(text))
    axis.set_minor_formatter(NullFormatter())
