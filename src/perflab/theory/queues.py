"""Waiting in line: closed forms for queues in their steady state. Rates and times in one unit of time."""

from __future__ import annotations

import math


def mean_wait(rate: float, mean: float, second_moment: float) -> float:
    """Mean wait in M/G/1: Poisson arrivals of `rate`, one server, service with these moments E[S] and E[S²], first come first
    served: λE[S²] / (2(1 − ρ)) (Pollaczek 1930, Khinchine 1932). Infinite where the server cannot keep up.
    """
    if rate < 0 or mean < 0 or second_moment < mean**2 * (1 - 1e-9):
        raise ValueError("rate and mean must not be negative, and E[S²] is at least E[S]²")
    utilisation = rate * mean
    return rate * second_moment / (2 * (1 - utilisation)) if utilisation < 1 else math.inf
