"""Panels that several labs share; a lab with a picture of its own keeps it in its own file."""

from perflab.lab.panels.breakdown import Breakdown, Shares, TimeLine
from perflab.lab.panels.distribution import Distribution
from perflab.lab.panels.hits import HitRatio, Humps, Reads
from perflab.lab.panels.ladder import Ladder
from perflab.lab.panels.versus import Versus
from perflab.lab.panels.waterfall import Waterfall

__all__ = [
    "Breakdown",
    "Distribution",
    "HitRatio",
    "Humps",
    "Ladder",
    "Reads",
    "Shares",
    "TimeLine",
    "Versus",
    "Waterfall",
]
