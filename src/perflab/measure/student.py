"""Intervals of the mean of a few independent samples (Student, "The probable error of a mean", 1908)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

# fmt: off
QUANTILES = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060,
    2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199,
)
# fmt: on
"""97.5% quantiles of the t distribution for 1, 2, … degrees of freedom."""


def student(freedom: int) -> float:
    """97.5% quantile for so many degrees of freedom, at least 1; beyond the table its last entry, which is a little too wide."""
    return QUANTILES[min(freedom, len(QUANTILES)) - 1]


def half_interval(samples: ArrayLike) -> float:
    """Half of the 95% interval of the mean of independent samples, in their unit; NaN for fewer than two."""
    values = np.asarray(samples, float)
    if values.size < 2:
        return math.nan
    return student(values.size - 1) * float(values.std(ddof=1)) / math.sqrt(values.size)
