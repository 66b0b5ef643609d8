"""Settings that were measured before stay on the chart as small dots, one for each."""

from __future__ import annotations

from typing import Any

from perflab.lab.record import Record

Point = tuple[float, float]


class Trail:
    """The newest point of each setting of the controls."""

    def __init__(self) -> None:
        self._points: dict[tuple[Any, ...], Point] = {}

    def follow(self, record: Record | None, point: Point | None) -> tuple[list[float], list[float]]:
        """Take in a finished run (None empties the trail), and return x and y of all points."""
        if record is None:
            self._points.clear()
        elif record.status != "running" and point is not None:
            self._points[tuple(sorted(record.parameters.items()))] = point
        return [x for x, _ in self._points.values()], [y for _, y in self._points.values()]
