"""Look-ups in a real SQLite file, some of which take a slow path: they read many rows instead of one."""

from __future__ import annotations

import random
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perflab.measure.guards import check_number
from perflab.measure.timing import time_calls
from perflab.systems.databases.temporary import fill, quick_connection, temporary

ROWS = 100_000
FAST_PROBES = 1_500
SLOW_PROBES = 120
PROBED_ROWS = 5_000


@dataclass(frozen=True)
class Pace:
    """What this machine needs: a fast look-up (median ns, σ of the logarithm), one more row of a slow one, and its σ."""

    fast_ns: float
    fast_sigma: float
    row_ns: float
    slow_sigma: float

    def rows_for(self, factor: float) -> int:
        """How many rows a look-up must read to take `factor` times as long as a fast one."""
        return int(min(ROWS - 1, max(1, (factor - 1) * self.fast_ns / self.row_ns)))


class Readings:
    """An open table of sensor readings."""

    def __init__(self, path: Path) -> None:
        self._connection = quick_connection(path)
        self._connection.execute("create table readings (id integer primary key, value integer)")
        fill(self._connection, "readings", "n, (n * 7919) % 1000", ROWS)

    def look_up(self, rows: int) -> int:
        """The sum of the first `rows` readings: one row is the fast path, many are the slow one."""
        total: int = self._connection.execute("select sum(value) from readings where id < ?", (rows,)).fetchone()[0]
        return total

    def pace(self) -> Pace:
        """Measure both paths."""
        fast = time_calls(self.look_up, [1] * FAST_PROBES).latencies_ns[FAST_PROBES // 3 :]
        slow = time_calls(self.look_up, [PROBED_ROWS] * SLOW_PROBES).latencies_ns[SLOW_PROBES // 3 :]
        fast_ns, slow_ns = float(np.median(fast)), float(np.median(slow))
        return Pace(fast_ns, _sigma(fast), max(1.0, (slow_ns - fast_ns) / PROBED_ROWS), _sigma(slow))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def readings() -> AbstractContextManager[Readings]:
    """A table in a temporary folder, which goes away with the block."""
    return temporary("readings", Readings)


def mixed_rows(count: int, slow_share: float, slow_rows: int, generator: random.Random) -> list[int]:
    """For each of `count` look-ups how many rows it reads: 1, or `slow_rows` with probability `slow_share`."""
    check_number("slow_share", slow_share, 0, 1)
    return [slow_rows if generator.random() < slow_share else 1 for _ in range(count)]


def _sigma(latencies: np.ndarray) -> float:
    """σ of a lognormal distribution from the middle half of the samples, which interruptions leave alone."""
    low, high = np.quantile(np.log(latencies), [0.25, 0.75])
    return max(0.02, float(high - low) / 1.349)
