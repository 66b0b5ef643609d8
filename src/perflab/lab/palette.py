"""One colour, line and marker per meaning, in all notebooks.

Colours: Okabe and Ito, "Color Universal Design" (2008), told apart by colour-blind readers; its three lightest are darker
here, for a contrast of 3:1 on white. Never colour alone: each meaning has a line style or marker of its own.
"""

from __future__ import annotations

from typing import Any

MODEL = "#0072B2"
MEASURED = "#D55E00"
PINNED = "#6B6B6B"
ALARM = "#CC79A7"
CLOCK = "#009E73"
SECOND = "#2F97D6"
THIRD = "#BA8200"
INK = "#222222"
QUIET = "#5F6368"
"""Texts that stand back: the axes', and what a chart will show."""
GRID = "#DDDDDD"

SEGMENTS: tuple[dict[str, Any], ...] = (
    {"color": SECOND},
    {"color": MODEL, "hatch": "//"},
    {"color": PINNED},
    {"color": "#998C00", "hatch": ".."},
    {"color": MEASURED},
    {"color": THIRD, "hatch": "xx"},
    {"color": CLOCK},
    {"color": ALARM, "hatch": "\\\\"},
)
"""Parts of a whole, told apart by hatching too; neighbours differ in brightness."""

HEAT = ("#DE7826", "#A34100", "#2B0A00")
"""From one measurement in a cell, which has a contrast of 3:1 on white, to many."""

MODEL_LINE: dict[str, Any] = {"color": MODEL, "linestyle": "-", "linewidth": 2.5}
MODEL_HERE: dict[str, Any] = {
    "color": MODEL,
    "linestyle": "none",
    "marker": "o",
    "markersize": 13,
    "fillstyle": "none",
    "markeredgewidth": 2.5,
}
PINNED_LINE: dict[str, Any] = {"color": PINNED, "linestyle": ":", "linewidth": 2.5}
MEASURED_LINE: dict[str, Any] = {"color": MEASURED, "linestyle": "-", "linewidth": 2.0}
MEASURED_POINTS: dict[str, Any] = {"color": MEASURED, "linestyle": "none", "marker": "o", "markersize": 8}
PINNED_POINTS: dict[str, Any] = {
    "color": PINNED,
    "linestyle": "none",
    "marker": "D",
    "markersize": 8,
    "markerfacecolor": "none",
    "markeredgewidth": 2,
}
MODEL_OUTLINE: dict[str, Any] = {"facecolor": "none", "edgecolor": MODEL, "linewidth": 2}
PINNED_OUTLINE: dict[str, Any] = {"facecolor": "none", "edgecolor": PINNED, "linewidth": 2, "linestyle": ":"}
CLOCK_LINE: dict[str, Any] = {"color": CLOCK, "linestyle": "-.", "linewidth": 1.8}

STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "lines.color": MODEL,
    "patch.facecolor": MODEL,
    "font.size": 12,
    "axes.labelsize": 12,
    "axes.titlesize": 13,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GRID,
    "axes.edgecolor": "#C4C7CC",
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 0,
    "xtick.major.pad": 6,
    "ytick.major.size": 0,
    "ytick.major.pad": 6,
    "axes.titlelocation": "left",
}
"""Over matplotlib's defaults. Fonts and colours by their own names: "sans-serif" and "C0" would be looked up at each draw."""
