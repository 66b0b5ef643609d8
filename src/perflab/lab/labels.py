"""A text that stands beside a mark on the chart, moves with it, and never leaves the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Side = Literal["above", "below", "right"]
At = float | Literal["end"]
GAP_PT = 5.0


class Beside(Text):
    """The text beside a path of points, at this x or at the "end".

    Its place is found when it is drawn, because limits and resolution may have changed since. It stands above or below all
    that the path does there, so that the path never crosses it; to the "right" only where there is room, otherwise above.
    """

    def __init__(self, axes: Axes, text: str, at: At, side: Side, **style: Any) -> None:
        super().__init__(0, 0, text, **style)
        self._path, self._at, self._side = np.empty((0, 2)), at, side
        axes.add_artist(self)
        self.set_transform(IdentityTransform())  # its place is in pixels

    def follow(self, x: Any, y: Any) -> None:
        """Stand beside these points; without any, show nothing."""
        self._path = np.column_stack([np.atleast_1d(x), np.atleast_1d(y)]).astype(float)

    def draw(self, renderer: Any) -> None:
        """Find the place and draw there."""
        axes: Any = self.axes
        box, points = axes.bbox, axes.transData.transform(self._path)
        seen = np.isfinite(points).all(axis=1) & (points[:, 0] > box.x0 - 1) & (points[:, 0] < box.x1 + 1)
        if seen.any() and self.get_text():
            size, gap = self.get_window_extent(renderer), GAP_PT * renderer.points_to_pixels(1)
            self.set_position(self._place(points[seen], box, size.width, size.height, gap))
            super().draw(renderer)

    def _place(self, points: Any, box: Any, width: float, height: float, gap: float) -> tuple[float, float]:
        """The lower left corner, in pixels."""
        x, y = points[np.argmax(points[:, 0])]
        if self._side == "right" and x + gap + width <= box.x1:
            left, bottom = x + gap, y - height / 2
        else:
            if self._at != "end":
                x = self.axes.transData.transform((self._at, self._path[0, 1]))[0]  # type: ignore[union-attr]
            left = min(max(x - width / 2, box.x0), box.x1 - width)
            near = points[abs(points[:, 0] - left - width / 2) <= width / 2 + gap, 1]
            if not near.size:
                near = points[[np.argmin(abs(points[:, 0] - x))], 1]
            bottom = near.min() - gap - height if self._side == "below" else near.max() + gap
        return left, min(max(bottom, box.y0 + gap / 2), box.y1 - height)
