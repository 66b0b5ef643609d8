"""Queues on paper, for tests of what is said about samples that hang together."""

from __future__ import annotations

import numpy as np

from perflab.theory.simulate import simulate


def busy_queue(seed: int, utilisation: float = 0.8, warm_up: int = 2_000, count: int = 600) -> np.ndarray:
    """Response times of M/M/1 with services of mean 1, in the steady state."""
    generator = np.random.default_rng(seed)
    arrivals = np.cumsum(generator.exponential(1 / utilisation, warm_up + count))
    return np.asarray(simulate(arrivals, generator.exponential(1.0, arrivals.size)).responses)[warm_up:]
