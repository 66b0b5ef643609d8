"""How throughput grows where one shared resource is the limit: N/S until that is busy all the time, and no further.

X(N) ≤ min(γN, C): γ is what one worker does, C what the shared resource can do, 1/(f·S) where it is held for a share f of each
operation. These are the asymptotic bounds of a closed system (Denning and Buzen, "The Operational Analysis of Queueing Network
Models", 1978), which workers of even work come close to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class SaturationLaw:
    """A line up to a ceiling, both in operations per unit of time."""

    gamma: float
    ceiling: float

    def throughput(self, workers: ArrayLike) -> NDArray[np.float64]:
        """Operations per unit of time with so many workers."""
        return np.minimum(self.gamma * np.asarray(workers, float), self.ceiling)


def fit_saturation(workers: ArrayLike, throughputs: ArrayLike) -> SaturationLaw:
    """Least squares in the throughputs, both of shape (points,): for each number of points on the slope, the best line through 0
    and the best ceiling; the pair with the least error is kept. The ceiling is infinite where a line fits best.
    """
    n, x = np.asarray(workers, float), np.asarray(throughputs, float)
    if n.shape != x.shape or np.unique(n).size < 2:
        raise ValueError("the law has two constants: measure at two different numbers of workers or more")
    if np.any(n < 1) or np.any(x <= 0):
        raise ValueError("there is at least one worker, and throughputs are above 0")
    order = np.argsort(n)
    n, x = n[order], x[order]
    laws = []
    for slope in range(1, n.size + 1):
        gamma = float((n[:slope] * x[:slope]).sum() / (n[:slope] ** 2).sum())
        laws.append(SaturationLaw(gamma, float(x[slope:].mean()) if slope < n.size else np.inf))
    return min(laws, key=lambda law: float(((law.throughput(n) - x) ** 2).sum()))
