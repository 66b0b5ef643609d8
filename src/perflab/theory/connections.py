"""Connections that each ask again as soon as they are answered: a closed system without think time, so R = N / X (Little's law).

Times in one unit, rates per that unit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.theory.saturation import SaturationLaw


def response(connections: ArrayLike, alone: float, capacity: float) -> NDArray[np.float64]:
    """N / min(N/S, C) = max(S, N/C): the bound of a closed system (Denning and Buzen 1978) that it reaches where services hardly
    vary. One connection alone takes S in any case: where C is below 1/S, it counts hand-overs from one to another.
    """
    many = np.asarray(connections, float)
    bound = many / SaturationLaw(1 / alone, capacity).throughput(many)
    return np.where(many <= 1, alone, bound)


def group_commit(connections: ArrayLike, each_commit: float, each_request: float) -> NDArray[np.float64]:
    """Response time where a writer commits all that waits: 2s₀ + s₁N for N ≥ 2 connections.

    While one group is written the others gather, so a cycle of two commits, s₀ + s₁b each, serves each of the N once. One
    connection alone is written in s₀ + s₁.
    """
    many = np.asarray(connections, float)
    return np.where(many <= 1, each_commit, 2 * each_commit) + each_request * many


def fit_group_commit(connections: ArrayLike, responses: ArrayLike) -> tuple[float, float]:
    """s₀ and s₁ from mean responses at two different numbers of connections or more: least squares of the relative errors."""
    many, took = np.asarray(connections, float), np.asarray(responses, float)
    if np.unique(many).size < 2 or many.shape != took.shape:
        raise ValueError("two constants need responses at two different numbers of connections")
    columns = np.stack([np.where(many <= 1, 1.0, 2.0), many], axis=1) / took[:, None]
    each_commit, each_request = np.linalg.lstsq(columns, np.ones(took.size), rcond=None)[0]
    return max(0.0, float(each_commit)), max(0.0, float(each_request))
