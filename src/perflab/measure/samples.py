"""Latencies of calls, as they were measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.measure.frame import Frame


@dataclass(frozen=True)
class Latencies:
    """Durations of operations that succeeded, in the order they started, and how many failed.

    `latencies_ns`: float64, shape (n,); `started_ns`: int64, shape (n,), from the first start. With `batch` > 1 each sample
    is the mean of so many operations, which must never be shown as a percentile of single operations.
    """

    latencies_ns: NDArray[np.float64]
    started_ns: NDArray[np.int64]
    failures: int = 0
    batch: int = 1

    def frame(self) -> Frame:
        """As columns "latency_ns" and "started_ns", counts "calls" and "failures", fact "batch"."""
        return Frame(
            {"latency_ns": self.latencies_ns, "started_ns": self.started_ns},
            {"calls": self.latencies_ns.size * self.batch, "failures": self.failures},
            {"batch": self.batch},
        )
