"""Could the servers keep up with an open load?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from perflab.lab import Record

SURE = 3.0
"""Standard deviations that a backlog has to grow by, so that chance is out of the question."""


def falls_behind(record: Record, offered_per_s: float, capacity_per_s: float, servers: int) -> bool:
    """More is offered than the servers can do, and some do wait; or their backlog grew by more than chance explains."""
    came, gone = record.column("came_s"), np.concatenate([record.column("done_s"), record.column("failed_s")])
    if offered_per_s > capacity_per_s:
        return came.size - gone.size > servers
    return grows(came, gone, record.fact("elapsed_s", 0.0))


def grows(came_s: ArrayLike, gone_s: ArrayLike, until_s: float) -> bool:
    """More came than went in the second half of the run, by `SURE` standard deviations of two Poisson counts."""
    came, gone = (int((np.asarray(moments) > until_s / 2).sum()) for moments in (came_s, gone_s))
    return came - gone > SURE * np.sqrt(came + gone)
