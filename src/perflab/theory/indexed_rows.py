"""How long it takes to add rows to a table with indexes, so many to a commit. Times in one unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


def touched(pages: ArrayLike, rows: ArrayLike) -> NDArray[np.float64]:
    """On how many of so many pages at least one of so many rows falls, each at random: m·(1 − (1 − 1/m)^n).

    Cardenas, "Analysis and performance of inverted data base structures", Communications of the ACM 18 (1975), 253–263.
    """
    whole = np.asarray(pages, float)
    return whole * (1 - (1 - 1 / whole) ** np.asarray(rows, float))


@dataclass(frozen=True)
class AddingCosts:
    """What it costs to add a row to the table, an entry to an index, to write a page to the log, and to commit.

    An index has `pages`, and rows fall anywhere on them. A commit writes each page that it has touched once: of each index those,
    of the table its end, which is part of `commit` and `row`. So an index costs a page for each row where each row is
    committed, and less where many rows share a page.
    """

    pages: float
    row: float
    entry: float
    page: float
    commit: float

    def added(self, rows: int, batch: int, indexes: int, sync: float, sync_page: float = 0.0) -> float:
        """Time of so many rows, where a commit waits for the drive for `sync`, and longer by `sync_page` for each page."""
        batch = min(batch, rows)
        commits = rows / batch
        written = indexes * float(touched(self.pages, batch))
        return commits * (sync + self.commit + written * (self.page + sync_page)) + rows * (
            self.row + indexes * self.entry
        )


def fit_adding(pages: float, indexes: int, batch: int, times: ArrayLike) -> AddingCosts:
    """From times of a row that waits for no drive: without an index and with so many; with a commit for each row, and for each
    `batch`. `times` has shape (2, 2), a row for each batch. No cost is below zero.
    """
    (one, one_indexed), (many, many_indexed) = np.asarray(times, float).tolist()
    commit = max(0.0, one - many) * batch / (batch - 1)
    alone, shared = (max(0.0, each) / indexes for each in (one_indexed - one, many_indexed - many))
    share = float(touched(pages, batch)) / batch
    page = max(0.0, alone - shared) / (1 - share)
    return AddingCosts(pages, max(0.0, many - commit / batch), max(0.0, alone - page), page, commit)
