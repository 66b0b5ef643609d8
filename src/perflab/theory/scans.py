"""How long it takes to read some columns of some rows: what each query costs, what each row costs, and where two engines cross.

T(r, k) = a + a'·k + r·(b + c·k) for k columns of r rows: planning, once for each query and column; reading, once for each row
and value. An engine that plans each query for long and reads values by the thousand (Boncz, Zukowski and Nes, "MonetDB/X100",
2005; Abadi, Madden and Hachem, "Column-Stores vs. Row-Stores", 2008) has a large a and small b and c; one that steps from row to
row, the other way round. So the two cross. Times in one unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Corner = tuple[int, int]
"""Rows and columns."""


@dataclass(frozen=True)
class QueryCost:
    """A query, and in addition each of its columns; a row, and in addition each of its values."""

    query: float
    column: float
    row: float
    value: float

    def fixed(self, columns: float) -> float:
        """What a query of so many columns costs without any row."""
        return self.query + self.column * columns

    def each_row(self, columns: float) -> float:
        """What each row of so many columns costs."""
        return self.row + self.value * columns

    def of(self, rows: ArrayLike, columns: float) -> NDArray[np.float64]:
        """What so many columns of so many rows take."""
        return self.fixed(columns) + self.each_row(columns) * np.asarray(rows, float)


def from_corners(rows: tuple[int, int], columns: tuple[int, int], times: ArrayLike) -> QueryCost:
    """The cost that is right at few and many rows of few and many columns; `times` of shape (rows, columns)."""
    (few, many), (narrow, wide) = rows, columns
    taken = np.asarray(times, float)
    if not (few < many and narrow < wide) or taken.shape != (2, 2):
        raise ValueError("four corners are needed: few and many rows, each of few and of many columns")
    row = (taken[1] - taken[0]) / (many - few)
    query = taken[0] - few * row
    (query_slope, row_slope) = ((each[1] - each[0]) / (wide - narrow) for each in (query, row))
    return QueryCost(
        *(
            float(each)
            for each in (query[0] - narrow * query_slope, query_slope, row[0] - narrow * row_slope, row_slope)
        )
    )


def crossing(one: QueryCost, other: QueryCost, columns: float) -> float:
    """Rows from which on the other is quicker: (A − a)/((b + ck) − (d + ek)), A and a what a query of k columns costs in the
    other and in the one; NaN where there are none, or where it is quicker from the first row on.
    """
    planned = other.fixed(columns) - one.fixed(columns)
    saved = one.each_row(columns) - other.each_row(columns)
    return planned / saved if planned > 0 and saved > 0 else math.nan
