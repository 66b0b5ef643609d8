"""A chart on axes of its own, and its artists by their labels."""

from __future__ import annotations

import copy
from typing import Any

from matplotlib.figure import Figure

from perflab.lab import Chart


def drawn(chart: Chart) -> tuple[Chart, dict[str, Any]]:
    """A copy of the chart, built; its artists by label, those without one by their place in the order ("0", "1", …)."""
    built = copy.deepcopy(chart)
    artists = built.build(Figure().subplots())
    labels = (str(artist.get_label()) for artist in artists)
    return built, {
        str(place) if not label or label.startswith("_") else label: artist
        for place, (label, artist) in enumerate(zip(labels, artists, strict=True))
    }


def points(line: Any) -> list[tuple[float, float]]:
    """What a line shows."""
    return [(float(x), float(y)) for x, y in zip(*line.get_data(), strict=True)]
