"""How long a look-up takes in a table of n rows: down a B-tree, or through the rows one by one.

A B-tree of fan-out b over n rows has about log_b n levels (Bayer and McCreight 1972). A scan for a value that occurs once,
anywhere with the same probability, reads half of the rows. Constants come from measurements on this machine; times in ns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FAN_OUT = 350
"""Entries on a 4 kB page of an index of whole numbers in SQLite: 342 to 399 in files of 10,000 to 1,000,000 rows."""


@dataclass(frozen=True)
class QueryCosts:
    """ns per statement whatever it reads, per level of a B-tree, per row scanned, and per further row of a join's result.

    A further row of a result that lies together, as a page of orders does, finds its part of the tree in the processor's
    cache: it costs less than a way down the tree by a statement of its own.
    """

    statement_ns: float
    level_ns: float
    row_ns: float
    item_ns: float = 0.0

    def indexed(self, rows: ArrayLike, fan_out: float = FAN_OUT) -> NDArray[np.float64]:
        """A look-up by an index."""
        return self.statement_ns + self.level_ns * levels(rows, fan_out)

    def scanned(self, rows: ArrayLike) -> NDArray[np.float64]:
        """A look-up without: half of the rows."""
        return self.statement_ns + self.row_ns * np.asarray(rows, float) / 2

    def one_by_one(self, items: int, rows: ArrayLike) -> NDArray[np.float64]:
        """A list, then one statement for each of its `items`: N + 1 statements, each down an index."""
        return self.statement_ns + items * self.indexed(rows)

    def joined(self, items: int) -> float:
        """The same by one statement."""
        return self.statement_ns + items * self.item_ns


def levels(rows: ArrayLike, fan_out: float = FAN_OUT) -> NDArray[np.float64]:
    """Levels of a B-tree over so many rows, at least 1; not rounded, as trees of mixed filling grow gradually."""
    return np.maximum(1.0, np.log(np.maximum(1.0, np.asarray(rows, float))) / math.log(fan_out))


def calibrate(
    indexed_rows: ArrayLike, indexed_ns: ArrayLike, scanned_rows: ArrayLike, scanned_ns: ArrayLike
) -> QueryCosts:
    """Constants from medians (ns) measured at several numbers of rows, with and without an index; shapes (sizes,).

    Least squares in relative error, so that a look-up of 2 µs weighs as much as one of 2 ms; no constant is below zero.
    Two different numbers of rows are needed on either side.
    """
    tree_rows, tree_ns = np.asarray(indexed_rows, float), np.asarray(indexed_ns, float)
    scan_rows, scan_ns = np.asarray(scanned_rows, float), np.asarray(scanned_ns, float)
    if min(np.unique(levels(tree_rows)).size, np.unique(scan_rows).size) < 2:
        raise ValueError("measure at two different numbers of rows at least, with and without an index")
    ones, none = np.ones_like, np.zeros_like
    design = np.concatenate(
        [
            np.stack([ones(tree_rows), levels(tree_rows), none(tree_rows)], axis=1),
            np.stack([ones(scan_rows), none(scan_rows), scan_rows / 2], axis=1),
        ]
    )
    measured = np.concatenate([tree_ns, scan_ns])
    costs = _non_negative(design / measured[:, None], np.ones(measured.size))
    return QueryCosts(*(float(cost) for cost in costs))


def _non_negative(design: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares with constants ≥ 0: those that would be negative are fixed at 0 one by one."""
    free = np.ones(design.shape[1], bool)
    solution = np.zeros(design.shape[1])
    while free.any():
        solution[:] = 0
        solution[free] = np.linalg.lstsq(design[:, free], target, rcond=None)[0]
        if (solution >= 0).all():
            break
        free[np.argmin(solution)] = False
    return np.maximum(solution, 0)
