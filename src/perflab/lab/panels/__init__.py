"""Panels that several labs share; a lab with a picture of its own keeps it in its own file."""

from perflab.lab.panels.distribution import Distribution
from perflab.lab.panels.versus import Versus

__all__ = ["Distribution", "Versus"]
