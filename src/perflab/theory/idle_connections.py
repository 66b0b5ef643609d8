"""Open connections on which nothing is asked: how long do they keep the next one waiting?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def wait_for_a_process(idle: ArrayLike, workers: int, keep_alive: float) -> NDArray[np.float64]:
    """How long one more connection waits for a process where each of `workers` keeps to one connection until it has been idle for
    `keep_alive`: ⌊I/W⌋·K, in the unit of K.

    All idle connections have come before it, each has asked once as soon as it was accepted; services take no time. W of them
    are served in each period of K, first come first served.
    """
    if workers < 1 or keep_alive < 0:
        raise ValueError("there must be a process, and no negative time")
    return np.floor(np.asarray(idle, float) / workers) * keep_alive
