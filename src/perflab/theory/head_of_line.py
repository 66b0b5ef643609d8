"""One long request among short ones at a server that serves one at a time, in order of arrival (head-of-line blocking).

A long request of H arrives every T, among short ones at a constant rate that keep the server busy for a share ρ of its time. A
short one that arrives t after the long one finds H − t of it left, and ρt of short ones before it: it waits, until H/(1 − ρ).
"""

from __future__ import annotations

from typing import Any

import numpy as np


def wait(since: Any, long: float, utilisation: float = 0.0) -> Any:
    """How long a short request waits that arrives so long after the long one; before it (below 0), not at all."""
    after = np.asarray(since, float)
    return np.where(after < 0, 0.0, np.maximum(0.0, long - (1 - utilisation) * after))


def delayed_share(long: float, every: float, utilisation: float = 0.0) -> float:
    """Share of the short requests that wait: (H + backlog)/T = H/((1 − ρ)T)."""
    return min(1.0, long / (1 - utilisation) / every)


def mean_wait(long: float, every: float, utilisation: float = 0.0) -> float:
    """Mean over all short requests, H²/(2(1 − ρ)T): a share H/((1 − ρ)T) of them waits for H/2 on average."""
    return long**2 / (2 * (1 - utilisation) * every)


def wait_percentile(share: float, long: float, every: float, utilisation: float = 0.0) -> float:
    """The wait that a share of the short requests does not exceed; waits are spread evenly from 0 to H among those that wait."""
    delayed = delayed_share(long, every, utilisation)
    return long * max(0.0, 1 - (1 - share) / delayed) if delayed else 0.0
