"""A text that stands beside a mark on the chart, moves with it, and never leaves the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform
from numpy.typing import NDArray

from perflab.lab.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Side = Literal["above", "below", "left", "right"]
At = float | Literal["end"]
Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in pixels."""
GAP_PT, HALO_PT, MIDDLE = 4.5, 1.5, 0.45
"""Between text and mark; around the text; and where the middle of its letters is, as a share of its height."""
CONTRAST, MAX_KEPT, BETWEEN = 4.5, 8, 50
"""Of text on white (WCAG 2.2, 1.4.3); texts that are kept as pixels; points that are looked at on a curve."""


class Beside(Text):
    """The text beside a path of points, at this x or at the "end".

    It stands above or below all that the path does there, so that the path never crosses it; to the "left" or "right" of the
    point only where there is room, otherwise above. A label that was made before it has the right of way.
    """

    def __init__(
        self, axes: Axes, text: str, at: At, side: Side, color: Any = INK, gap_pt: float = GAP_PT, **style: Any
    ) -> None:
        super().__init__(0, 0, text, color=readable(color), va="bottom", **style)
        self._path, self._at, self._side, self._gap_pt = np.empty((0, 2)), at, side, gap_pt
        self._box: Box | None = None
        self._places: list[Box] = []
        self._within: Any = None
        self._kept: dict[tuple[str, float], NDArray[np.uint8]] = {}
        self._earlier = [each for each in axes.texts if isinstance(each, Beside)]
        axes.add_artist(self)
        self.set_transform(IdentityTransform())  # its place is in pixels

    def follow(self, x: Any, y: Any, text: str | None = None) -> None:
        """Stand beside these points; without any, show nothing."""
        path = np.array((np.atleast_1d(x), np.atleast_1d(y)), float).T
        if not np.array_equal(path, self._path) or text not in (None, self.get_text()):
            self._path, self._within = path, None
        if text is not None:
            self.set_text(text)

    def draw(self, renderer: Any) -> None:
        """Draw at its place. Where it may stand is found anew where points, limits or resolution have changed."""
        self._box = None
        if not (self._path.size and self.get_text()):
            return
        axes: Any = self.axes
        pixels, pt = self._drawn(renderer), renderer.points_to_pixels(1)
        within = axes.viewLim.bounds, axes.bbox.bounds
        if within != self._within:
            height, width = (side - 2 * HALO_PT * pt for side in pixels.shape[:2])
            self._places, self._within = self._find_places(width, height, pt), within
        if self._places:
            taken = [each._box for each in self._earlier if each._box is not None]
            free = (place for place in self._places if not any(_overlap(place, box) for box in taken))
            self._box = left, bottom, *_ = next(free, self._places[0])
            context = renderer.new_gc()
            context.set_clip_rectangle(axes.bbox)
            renderer.draw_image(context, round(left - HALO_PT * pt), round(bottom - HALO_PT * pt), pixels)

    def _drawn(self, renderer: Any) -> NDArray[np.uint8]:
        """The text as pixels with a white halo: to draw letters takes far longer than to copy them."""
        key = self.get_text(), renderer.dpi
        if key not in self._kept:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            halo = round(HALO_PT * renderer.points_to_pixels(1))
            width, height = (int(np.ceil(side)) + 2 * halo for side in self.get_window_extent(renderer).size)
            alone = RendererAgg(width, height, renderer.dpi)
            self.set(position=(halo, halo), clip_on=False)
            super().draw(alone)
            self._kept[key] = _with_halo(np.array(alone.buffer_rgba()), halo)[::-1]
        return self._kept[key]

    def _find_places(self, width: float, height: float, pt: float) -> list[Box]:
        """The best one first; none where no point is on the chart."""
        axes: Any = self.axes
        room, gap = axes.bbox, self._gap_pt * pt
        points = _dense(axes.transData.transform(self._path), room.x0, room.x1)
        seen = points[((points >= room.p0 - 1) & (points <= room.p1 + 1)).all(axis=1)]
        if not seen.size:
            return []
        x, y = seen[np.argmax(seen[:, 0])]
        if self._at != "end":
            x = axes.transData.transform((self._at, self._path[0, 1]))[0]
            y = seen[np.argmin(abs(seen[:, 0] - x)), 1]
        left = max(room.x0, min(x - width / 2, room.x1 - width))
        near = points[abs(points[:, 0] - left - width / 2) <= width / 2 + gap, 1]
        near = np.clip(near if near.size else y, room.y0, room.y1)
        places = [(left, near.max() + gap), (left, near.min() - gap - height)]
        if self._side == "below":
            places.reverse()
        beside = {"left": x - 1.5 * gap - width, "right": x + 1.5 * gap}.get(self._side)
        if beside is not None and room.x0 <= beside <= room.x1 - width:
            places.insert(0, (beside, y - MIDDLE * height))
        places.sort(key=lambda place: not room.y0 <= place[1] <= room.y1 - height)  # where it has to move comes last
        inside = [(start, max(room.y0, min(bottom, room.y1 - height))) for start, bottom in places]
        return [(start, bottom, start + width, bottom + height) for start, bottom in inside]


def _dense(points: NDArray[np.float64], left: float, right: float) -> NDArray[np.float64]:
    """The points that are numbers, and where they are a curve, more of it between two positions."""
    points = points[np.isfinite(points).all(axis=1)]
    x, y = points.T
    if not 2 <= x.size < BETWEEN or (np.diff(x) < 0).any():
        return points
    more = np.linspace(left, right, BETWEEN)
    more = more[(more >= x[0]) & (more <= x[-1])]
    return np.concatenate([points, np.column_stack([more, np.interp(more, x, y)])])


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _with_halo(pixels: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    """White within `radius` pixels of what is drawn."""
    ink = pixels[..., 3:] / 255
    steps = range(-radius, radius + 1)
    around = [np.roll(ink, (dx, dy), (0, 1)) for dx in steps for dy in steps if dx * dx + dy * dy <= radius * radius]
    alpha = np.max(around, axis=0)
    color = 255 - (255.0 - pixels[..., :3]) * ink / np.maximum(alpha, 1e-9)
    return np.concatenate([color, 255 * alpha], axis=2).round().astype(np.uint8)


def readable(color: Any) -> tuple[float, ...]:
    """The colour, as dark as a text on white has to be."""
    rgb = np.array(to_rgb(color))
    while 1.05 / (_luminance(rgb) + 0.05) < CONTRAST:
        rgb = rgb * 0.97
    return tuple(rgb)


def _luminance(rgb: NDArray[np.float64]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
