"""What a stall does to response times when every request that is due is counted.

A server of fixed service time S gets λ requests per second and stalls for D once every P seconds. A request that arrives
u after the beginning of a stall waits D − u(1 − ρ), ρ = λS, as long as that is positive: what is left of the stall, and the
requests before it. Hence P(W > x) = (D − x) / ((1 − ρ)P) for 0 ≤ x < D. All times in one unit; shares of shape (n,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def open_loop(
    shares: ArrayLike, rate: float, service: float, stall: float, every: float, base: float
) -> NDArray[np.float64]:
    """Response time at each share: every request that was due is counted. `base` is a response without waiting.

    Raises ValueError where the server has not caught up with one stall when the next begins: D > P(1 − ρ).
    """
    left_out = 1 - np.asarray(shares, float)
    utilisation = rate * service
    if utilisation >= 1:
        raise ValueError("the server is saturated: there is no steady response time")
    if stall > (1 - utilisation) * every * (1 + 1e-9):
        raise ValueError("the stalls are too long and too frequent for the server to catch up: it is saturated")
    return base + np.maximum(0.0, stall - left_out * (1 - utilisation) * every)


def recursion(arrivals: NDArray[np.float64], service: float, stall_start: float, stall: float) -> NDArray[np.float64]:
    """Response times of one first-come-first-served server with one stall, request by request (Lindley 1952)."""
    free_at = 0.0
    responses = np.empty(arrivals.size)
    for index, arrival in enumerate(arrivals):
        begin = max(float(arrival), free_at)
        if stall_start <= begin < stall_start + stall:
            begin = stall_start + stall
        free_at = begin + service
        responses[index] = free_at - arrival
    return responses
