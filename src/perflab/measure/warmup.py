"""Warm-up: the first calls of a run, slower than the rest because caches are cold and code is new."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

FEWEST = 20
MAX_SHARE = 0.5
SLOWER = 1.25


def warmup_length(latencies_ns: ArrayLike) -> int:
    """How many first samples are warm-up: the longest head whose median stays a quarter above the second half's.

    The second half is taken as settled. Heads of 1, 2, 4, … samples up to half of the run are looked at; a head counts only when
    its median also lies above what `_high_median` allows by chance. Returns 0 where nothing stands out.
    """
    values = np.asarray(latencies_ns, float)
    if values.size < 2 * FEWEST:
        return 0
    settled = values[values.size // 2 :]
    usual = np.median(settled)
    length = 0
    block = 1
    start = 0
    # Blocks that double in length: the first that is like the settled half ends the warm-up.
    while start + block <= MAX_SHARE * values.size:
        here = values[start : start + block]
        if np.median(here) <= SLOWER * usual or np.median(here) <= _high_median(settled, block):
            break
        start += block
        length = start
        block = max(1, start)
    return length


def _high_median(settled: np.ndarray, block: int) -> float:
    """What the median of `block` settled samples exceeds in about one case of two hundred (binomial, normal limit)."""
    share = 0.5 + min(0.495, 2.6 * 0.5 / np.sqrt(block))
    return float(np.quantile(settled, share, method="inverted_cdf"))
