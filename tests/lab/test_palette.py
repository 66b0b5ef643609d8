"""Colours that can be seen: each has a contrast of 3:1 on white, which is what WCAG 2.2 asks of graphics (1.4.11)."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_rgb

from perflab.lab import palette

FAINT = {"GRID"}
"""What only stands behind."""
COLOURS = {
    **{name: value for name, value in vars(palette).items() if isinstance(value, str) and value.startswith("#")},
    **{f"segment {place}": part["color"] for place, part in enumerate(palette.SEGMENTS)},
    "one in a cell": palette.HEAT[0],
}


def luminance(colour: str) -> float:
    """Relative luminance of sRGB (WCAG 2.2)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", sorted({*COLOURS} - FAINT))
def test_a_colour_has_a_contrast_of_three_to_one_on_white(name: str) -> None:
    assert 1.05 / (luminance(COLOURS[name]) + 0.05) >= 3, COLOURS[name]


def test_there_are_colours() -> None:
    assert len(COLOURS) > 15
