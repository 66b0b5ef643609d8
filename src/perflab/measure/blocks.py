"""Intervals for samples that hang together, such as response times of a queue, each in the order it was taken.

Neighbours in a queue wait for the same requests, so a thousand of them say less than a thousand samples would, and an interval
from their ranks is far too narrow: at 80% utilisation it covers the true p50 in a third of the runs instead of 95%. A run is
cut into a few long blocks instead; how far their percentiles lie apart says how sure that of the whole is (batch means, Law and
Kelton 2000, section 9.5). Where even the blocks hang together, close to saturation, it is still too narrow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from perflab.measure.percentiles import nearest_rank
from perflab.measure.student import student

BLOCKS = 5
STUDENT_95 = student(BLOCKS - 1)
"""Quantile .975 of Student's t: a spread of five numbers is itself uncertain."""


def percentile_error(samples: ArrayLike, share: float) -> float:
    """Standard error of the logarithm of a percentile, so that its interval is value × exp(± `STUDENT_95` · error).

    Infinite with fewer samples than blocks, or where one is not above 0.
    """
    values = np.asarray(samples, float)
    if values.size < BLOCKS or values.min() <= 0:
        return float("inf")
    of_blocks = [np.sort(block)[nearest_rank(block.size, share) - 1] for block in np.array_split(values, BLOCKS)]
    return float(np.log(of_blocks).std(ddof=1) / np.sqrt(BLOCKS))


def mean_error(samples: ArrayLike) -> float:
    """Standard error of the mean, in the unit of the samples; infinite with fewer samples than blocks."""
    values = np.asarray(samples, float)
    if values.size < BLOCKS:
        return float("inf")
    return float(np.std([block.mean() for block in np.array_split(values, BLOCKS)], ddof=1) / np.sqrt(BLOCKS))
