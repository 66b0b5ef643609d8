"""What adding workers should bring: bounds from what this machine does, and a law fitted to what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.lab import Record
from perflab.measure.student import half_interval
from perflab.systems.machine.work import COMPUTING, LOCKING, MEMORY, WAIT_S
from perflab.theory.scaling import Fitted, fit_rounds

Floats = NDArray[np.float64]
STEPS = (1, 2, 4, 8, 16, 32, 64)
WORKERS = np.unique(np.round(np.logspace(0, np.log10(STEPS[-1]), 40), 3))
MIN_ROUNDS = 3
TOO_FEW = f"At least {MIN_ROUNDS} rounds are needed for a fit."


def predict(work: str, workers: int, locked: int, constants: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """Operations per second at `WORKERS` without a limit, N/S, and up to the limit: one worker's for computing (the GIL),
    1/(locked · S) for locking, that of four for memory. Bounds: nothing is lost on the way to them (Denning and Buzen 1978).
    """
    limits = {
        COMPUTING: constants[COMPUTING],
        MEMORY: max(constants[MEMORY], constants["memory, 4 at once"]),
        LOCKING: 100 / locked / WAIT_S if locked else np.inf,
    }
    linear = constants[work] * WORKERS
    return linear, np.minimum(linear, limits.get(work, np.inf))


def rounds(record: Record, numbers: Sequence[int]) -> Floats:
    """Throughputs of complete rounds, of shape (rounds, numbers)."""
    columns = [record.column(f"x{number}") for number in numbers]
    complete = min(column.size for column in columns)
    return np.stack([column[:complete] for column in columns], axis=1)


def gain(record: Record, few: int, many: int) -> float | None:
    """Throughput of `many` workers in times of that of `few`; None before there are rounds enough."""
    found = rounds(record, (few, many))
    return float(np.median(found[:, 1] / found[:, 0])) if len(found) >= MIN_ROUNDS else None


@lru_cache(maxsize=8)
def fitted(record: Record) -> Fitted | None:
    """The law fitted to all numbers of workers but that of the slider; None before there are rounds enough."""
    found = rounds(record, STEPS)
    return fit_rounds(STEPS, found, record.seed, draws=100) if len(found) >= MIN_ROUNDS else None


def means(record: Record) -> tuple[NDArray[Any], Floats, Floats]:
    """Numbers of workers, the mean throughput of each, and half of its 95% interval."""
    columns = {number: record.column(f"x{number}") for number in sorted({*STEPS, record.parameters["workers"]})}
    measured = {number: rates for number, rates in columns.items() if rates.size}
    middles, halves = ([of(rates) for rates in measured.values()] for of in (np.mean, half_interval))
    return np.array(list(measured)), np.array(middles), np.array(halves)
