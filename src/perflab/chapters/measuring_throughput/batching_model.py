"""What batches should do: their cost line, and on paper the waits of users who come by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.measure.schedule import poisson
from perflab.theory.batching import Cost, Waits, simulate_batches

MOST_ROWS = 200
BAD_EVERY = 100
SIZES = np.unique(np.round(np.logspace(0, np.log10(MOST_ROWS), 9))).astype(int)
# So many arrivals, and those of so many batches, make the means: steady to a few percent, and reckoned in a few ms.
REQUESTS, BATCHES = 300, 10
NEARLY_FULL = 0.97
RESTS_MS = (0.5, 4.0, 20.0)


def after_rest(rest_ms: float) -> str:
    """The constant with what a commit costs more (ns) after such a rest."""
    return f"more after {rest_ms:g} ms"


@dataclass(frozen=True)
class Expected:
    """What a batch costs (ns), throughput (requests/s) and waits (ns) at `sizes`; NaN waits where the writer cannot keep up."""

    cost: Cost
    sizes: NDArray[np.int64]
    throughput: NDArray[np.float64]
    waits: Sequence[Waits]
    here: Waits
    size: int
    rate: float


def predict(size: int, max_wait: int, rate: int, bad: bool, constants: Mapping[str, Any]) -> Expected:
    """Users who come by chance, one writer, and the cost line of this machine; a batch with a bad row is written row by row."""
    cost = Cost(
        constants["each_batch_ns"],
        constants["each_row_ns"],
        tuple((1e6 * rest_ms, constants[after_rest(rest_ms)]) for rest_ms in RESTS_MS),
    )
    longest_s = max_wait / 1e3 + float(cost.of(MOST_ROWS)) / 1e9
    arrivals = poisson(rate, (REQUESTS + BATCHES * min(MOST_ROWS, 1 + rate * longest_s)) / rate, 1)

    def waits(rows: int) -> Waits:
        # Every hundredth is bad, and a batch holds requests that came one after the other.
        spoilt = min(1.0, rows / BAD_EVERY) if bad and rows > 1 else 0.0
        # One by one each row costs a commit of its own: on average, over batches with and without a bad one.
        each = replace(cost, each_row=cost.each_row + spoilt * float(cost.of(1)))
        if rate >= NEARLY_FULL * 1e9 * float(each.throughput(rows)):
            return Waits(np.nan, np.nan, rows)
        enough = REQUESTS + int(BATCHES * min(rows, 1 + rate * longest_s))
        return simulate_batches(arrivals[:enough], rows, max_wait * 1e6, each)

    sizes = np.unique(np.append(SIZES, size))
    found = [waits(int(rows)) for rows in sizes]
    here = found[int(np.searchsorted(sizes, size))]
    return Expected(cost, sizes, 1e9 * cost.throughput(sizes), found, here, size, rate)
