"""A chart on axes of its own, and its artists by their labels."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from perflab.lab import Chart, Record
from perflab.lab.picture import Picture


def drawn(chart: Chart) -> tuple[Chart, dict[str, Any]]:
    """A copy of the chart, built; its artists by label, those without one by their place in the order ("0", "1", …)."""
    built = copy.deepcopy(chart)
    artists = built.build(Figure().subplots())
    labels = (str(artist.get_label()) for artist in artists)
    return built, {
        str(place) if not label or label.startswith(("_child", "_nolegend")) else label.removeprefix("_"): artist
        for place, (label, artist) in enumerate(zip(labels, artists, strict=True))
    }


def points(line: Any) -> list[tuple[float, float]]:
    """What a line shows."""
    return [(float(x), float(y)) for x, y in zip(*line.get_data(), strict=True)]


def check_shows_all_and_can_be_emptied(
    chart: Chart, run: Record, pinned: Record, parameters: Mapping[str, Any], model: Any
) -> None:
    """The picture changes with the run, the pinned run and the model, and is as it was once the runs are gone."""
    images: list[bytes] = []
    picture = Picture(chart, 500, 320, images.append)
    picture.draw()
    empty = images[-1]
    picture.show_run(run, (run,))
    with_run = images[-1]
    assert with_run != empty
    picture.show_pinned(pinned)
    assert images[-1] != with_run
    picture.show_pinned(None)
    picture.show_run(None)
    assert images[-1] == empty
    if picture._panel.follows("model"):
        picture.show_model(parameters, model)
        picture.draw()
        assert images[-1] != empty
