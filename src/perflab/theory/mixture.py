"""Latencies of two kinds mixed: most calls take the fast path, some the slow one.

Each kind is lognormal, given by its median and the standard deviation σ of the logarithm. The mixture's distribution
function is the weighted sum of the two; its quantiles are found on a logarithmic grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

GRID_POINTS = 300
GRID_SIGMAS = 6.0


@dataclass(frozen=True)
class Kind:
    """One kind of call: its share of all calls, its median (any unit of time) and σ of its logarithm."""

    share: float
    median: float
    sigma: float

    @property
    def mean(self) -> float:
        """Mean of the lognormal distribution: median · exp(σ²/2)."""
        return self.median * math.exp(self.sigma**2 / 2)


def mean(kinds: list[Kind]) -> float:
    """Mean of the mixture."""
    return sum(kind.share * kind.mean for kind in kinds)


def cdf(values: ArrayLike, kinds: list[Kind]) -> NDArray[np.float64]:
    """Share of calls that take at most `values`."""
    logs = np.log(np.asarray(values, float))
    return sum(
        (kind.share * _normal_cdf((logs - math.log(kind.median)) / kind.sigma) for kind in kinds),
        start=np.zeros_like(logs),
    )


def quantile(shares: ArrayLike, kinds: list[Kind]) -> NDArray[np.float64]:
    """The latency that a share of the calls does not exceed; interpolated on a grid of a twenty-fifth of each σ."""
    steps = np.linspace(-GRID_SIGMAS, GRID_SIGMAS, GRID_POINTS)
    grid = np.sort(np.concatenate([math.log(kind.median) + kind.sigma * steps for kind in kinds]))
    return np.exp(np.interp(np.asarray(shares, float), cdf(np.exp(grid), kinds), grid))


def _normal_cdf(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1 + np.array([math.erf(value / math.sqrt(2)) for value in z.ravel()])).reshape(z.shape)
