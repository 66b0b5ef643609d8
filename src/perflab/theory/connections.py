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
