"""A heat map: how many samples lie in each cell of time and latency, so that two modes, a stall and a slow leak are seen at once.

Brendan Gregg, "Visualizing System Latency" (2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.lab.marks import Mark
from perflab.lab.palette import HEAT

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

COLUMNS, ROWS = 48, 60


class HeatMap(Mark):
    """Cells of equal width on the axis "x", which is linear, and of equal height on the axis "y", which is logarithmic.

    Data: x and y of samples, arrays of one shape; those outside of an axis are counted in its last cell. Colours are steps of
    the logarithm of the count, so that one sample is seen as well as `most`; above they do not change.
    """

    def __init__(self, x: tuple[float, float], y: tuple[float, float], most: int = 50, **bound: Any) -> None:
        super().__init__(**bound)
        self._x, self._y, self._most = x, y, most

    def build(self, axes: Axes) -> Sequence[Artist]:
        from matplotlib.colors import LinearSegmentedColormap, LogNorm

        edges = np.linspace(*self._x, COLUMNS + 1), np.geomspace(*self._y, ROWS + 1)
        colours: dict[str, Any] = {
            "norm": LogNorm(1, self._most),
            "cmap": LinearSegmentedColormap.from_list("heat", HEAT),
        }
        self._mesh = axes.pcolormesh(
            *edges, np.ma.masked_equal(np.zeros((ROWS, COLUMNS)), 0), zorder=2, **colours, **self._style
        )
        return [self._mesh]

    def draw(self, data: Any) -> None:
        none: ArrayLike = ()
        self._mesh.set_array(np.ma.masked_equal(self.counts(*((none, none) if data is None else data)), 0))

    def counts(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.int64]:
        """Samples in each cell, of shape (rows, columns)."""
        low, high = np.log(self._y)
        across = _cells((np.asarray(x, float) - self._x[0]) / (self._x[1] - self._x[0]), COLUMNS)
        up = _cells((np.log(np.maximum(np.asarray(y, float), self._y[0])) - low) / (high - low), ROWS)
        return np.bincount(up * COLUMNS + across, minlength=ROWS * COLUMNS).reshape(ROWS, COLUMNS)


def _cells(shares: NDArray[np.float64], number: int) -> NDArray[np.int64]:
    """The cell of each place, of which the axis runs from 0 to 1."""
    return np.clip(shares * number, 0, number - 1).astype(np.int64)
