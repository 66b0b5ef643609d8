"""Panels that several labs share; a lab with a picture of its own keeps it in its own file."""

from perflab.lab.panels.calls import Calls
from perflab.lab.panels.distribution import Distribution
from perflab.lab.panels.intervals import Interval, Intervals
from perflab.lab.panels.percentiles import Percentiles
from perflab.lab.panels.versus import Versus

__all__ = ["Calls", "Distribution", "Interval", "Intervals", "Percentiles", "Versus"]
