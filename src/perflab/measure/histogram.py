"""A histogram of latencies with a fixed relative error.

The bucket layout follows HdrHistogram (Gil Tene): linear sub-buckets within powers of two, so that every value keeps its
first significant digits.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perflab.measure.percentiles import nearest_rank

DIGITS, HIGHEST = 3, 3_600_000_000_000


class Histogram:
    """Counts whole, non-negative values up to `HIGHEST`, each kept to `DIGITS` significant decimal digits."""

    def __init__(self) -> None:
        self._sub_bits = math.ceil(math.log2(2 * 10**DIGITS))
        self._half = 1 << (self._sub_bits - 1)
        self._counts = np.zeros(int(self._index(np.array([HIGHEST]))[0]) + 1, np.int64)

    @property
    def count(self) -> int:
        """How many values have been recorded."""
        return int(self._counts.sum())

    def record(self, values: ArrayLike, expected_interval: int = 0) -> None:
        """Count values; with `expected_interval`, also the requests that a stalled closed-loop client did not send.

        A value v longer than the interval stands for others of v − interval, v − 2·interval, … down to the interval
        (HdrHistogram's recordValueWithExpectedInterval).
        """
        recorded = np.atleast_1d(np.asarray(values, np.int64))
        if recorded.size and (recorded.min() < 0 or recorded.max() > HIGHEST):
            raise ValueError(f"values must be from 0 to {HIGHEST:,}; got {recorded.min():,} to {recorded.max():,}")
        np.add.at(self._counts, self._index(recorded), 1)
        if expected_interval > 0:
            for value in recorded[recorded > expected_interval]:
                self.record(np.arange(value - expected_interval, expected_interval - 1, -expected_interval))

    def percentile(self, share: float) -> int:
        """The nearest-rank percentile: the highest value of the bucket it falls into."""
        if not self.count:
            raise ValueError("a percentile of no samples does not exist")
        index = int(np.searchsorted(np.cumsum(self._counts), nearest_rank(self.count, share)))
        return self._highest_of(index)

    def values(self) -> NDArray[np.int64]:
        """Every recorded value in rising order, each as the middle of its bucket; shape (count,)."""
        indices = np.flatnonzero(self._counts).tolist()
        middles = [(self._lowest_of(index) + self._highest_of(index)) // 2 for index in indices]
        return np.repeat(np.array(middles, np.int64), self._counts[indices])

    def _index(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        # frexp gives the position of the highest bit; floats are exact far beyond an hour in nanoseconds.
        bits = np.frexp(values.astype(float))[1].astype(np.int64)
        shift = np.maximum(0, bits - self._sub_bits)
        return shift * self._half + (values >> shift)

    def _lowest_of(self, index: int) -> int:
        if index < 2 * self._half:
            return int(index)
        shift = index // self._half - 1
        return int((index - shift * self._half) << shift)

    def _highest_of(self, index: int) -> int:
        shift = max(0, index // self._half - 1)
        return self._lowest_of(index) + (1 << shift) - 1
