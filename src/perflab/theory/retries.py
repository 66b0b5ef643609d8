"""Clients that try again: when does a server that has stopped for a moment stay down after it (a metastable failure)?

Offered load ρ without retries, as a multiple of the capacity; times in one unit. Each request is tried up to 1 + k times.
"""

from __future__ import annotations

import math


def offered_load(offered: float, retries: int) -> float:
    """What is offered where each attempt times out, and the server does not know it: ρ(1 + k)."""
    _check(offered, retries)
    return offered * (1 + retries)


def stays_down(offered: float, retries: int) -> bool:
    """Whether the retries alone keep the server overloaded once its queue is longer than the time-out: ρ > 1/(1 + k)
    (Bronson and others 2021; Huang and others 2022: the trigger has gone, and the state stays).
    """
    return offered_load(offered, retries) > 1


def _check(offered: float, retries: int) -> None:
    if not (0 <= offered < math.inf and retries >= 0):
        raise ValueError("load and retries must not be negative, and not infinite")
