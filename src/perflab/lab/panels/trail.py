"""Settings that were measured before stay on the chart as small dots, one for each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from perflab.lab.record import Record

Point = tuple[float, float]


class Trail:
    """The newest point of each setting of the controls; with `free`, of settings that differ in nothing but these."""

    def __init__(self, free: Collection[str] | None = None) -> None:
        self._free = free
        self._fixed: dict[str, Any] = {}
        self._points: dict[tuple[Any, ...], Point] = {}

    def follow(self, record: Record | None, point: Point | None) -> tuple[list[float], list[float]]:
        """Take in a finished run (None empties the trail), and return x and y of all points."""
        if record is None:
            self._points.clear()
        else:
            if self._free is not None:
                self._keep_to({name: value for name, value in record.parameters.items() if name not in self._free})
            if record.status != "running" and point is not None:
                self._points[tuple(sorted(record.parameters.items()))] = point
        return [x for x, _ in self._points.values()], [y for _, y in self._points.values()]

    def _keep_to(self, fixed: dict[str, Any]) -> None:
        if fixed != self._fixed:
            self._points.clear()
            self._fixed = fixed
