"""A road in km and minutes: how it is built of cells, and how many cars a minute theory expects on it."""

from __future__ import annotations

import numpy as np

from perflab.chapters.highway.flow import Curve
from perflab.theory.traffic import CELL_M, Road, expected_flow, free_density, is_exact

CELLS, KMH_PER_CELL = 120, 27
KM = CELLS * CELL_M / 1_000
LIMITS = tuple(KMH_PER_CELL * cells for cells in range(1, 6))
ACCIDENT = (0, 2 * CELLS // 3)
"""Lane and cell that it blocks."""
PER_KM, PER_MIN = 1_000 / CELL_M, 60.0
DENSITIES = np.linspace(0.0, 1.0, 101)


def empty_road(lanes: int, limit: int, hesitation: float) -> Road:
    """The road, before the first car."""
    return Road(CELLS, lanes, limit // KMH_PER_CELL, hesitation)


def expected(lanes: int, cars: float, limit: int, hesitation: float) -> Curve:
    """Free cars drive v − p cells a step. More than the peak of the curve does not get through."""
    fastest = limit // KMH_PER_CELL
    flow = expected_flow(DENSITIES, fastest, hesitation, lanes)
    wanted = min(cars / PER_MIN / lanes, float(flow.max()))
    here = free_density(wanted, fastest, hesitation, lanes) * PER_KM, wanted * PER_MIN
    exact = is_exact(fastest, hesitation, lanes)
    return Curve(DENSITIES * PER_KM, flow * PER_MIN, exact, here, CELLS / (fastest - hesitation))
