"""What of a work is measured, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import numpy as np
import pytest

from perflab.systems.databases import order_work
from perflab.systems.databases.order_book import Row
from perflab.systems.databases.order_files import sqlite_book
from perflab.systems.databases.order_work import (
    COMMITS,
    FIND,
    FINDS,
    LOAD,
    LOADED,
    ORDER,
    REPORT,
    WORKS,
    part_of_load,
    time_work,
)

GENERATOR = np.random.default_rng(1)


class Scripted:
    """A book on a clock of its own: a find takes 5, a report 70, a row 1 and a commit 100."""

    rows = 1_000

    def __init__(self) -> None:
        self.now, self.asked = 0, list[str]()

    def find(self, customer: int) -> Sequence[Row]:
        assert 0 <= customer < 100
        return self._take(5, "find")

    def add(self, orders: Sequence[Row], batch: int) -> None:
        assert [order[0] for order in orders] == list(range(orders[0][0], orders[0][0] + len(orders)))
        self._take(len(orders) + 100 * -(-len(orders) // batch), f"add {len(orders)} by {batch}")

    def report(self) -> Sequence[Row]:
        return self._take(70, "report")

    def count(self) -> int:
        return self.rows

    def tidy(self) -> None:
        self._take(5_000, "tidy")

    def close(self) -> None: ...

    def _take(self, time: int, what: str) -> Sequence[Row]:
        self.now += time
        self.asked.append(what)
        return []


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    scripted = Scripted()
    monkeypatch.setattr(order_work, "perf_counter_ns", lambda: scripted.now)
    return scripted


def test_a_find_is_the_mean_of_some_without_the_first(book: Scripted) -> None:
    assert time_work(FIND, book, 1, GENERATOR) == (5, FINDS)
    assert book.asked == ["find"] * (1 + FINDS)


def test_a_report_is_measured_alone(book: Scripted) -> None:
    assert time_work(REPORT, book, 1, GENERATOR) == (70, 1)
    assert book.asked == ["report"]


@pytest.mark.parametrize("batch", [1, 1_000])
def test_an_order_is_a_commit_of_its_own_whatever_the_batch(book: Scripted, batch: int) -> None:
    assert time_work(ORDER, book, batch, GENERATOR) == (101, COMMITS)
    assert book.asked == ["add 1 by 1", "add 3 by 1", "tidy"]


@pytest.mark.parametrize(
    ("batch", "took", "commits"),
    [(1, 101_000, 10), (10, 11_000, 3), (100, 2_000, 3), (1_000, 1_100, 1), (10_000, 1_100, 1)],
)
def test_a_load_is_told_by_a_part_of_its_commits(book: Scripted, batch: int, took: int, commits: int) -> None:
    found = time_work(LOAD, book, batch, GENERATOR)
    assert found == (pytest.approx(took), commits)
    assert book.asked[-1] == "tidy"


def test_a_part_of_a_load_is_never_more_than_the_load() -> None:
    assert [part_of_load(batch) for batch in (1, 10, 100, 500, 1_000)] == [10, 30, 300, LOADED, LOADED]


def test_what_was_added_is_taken_back_even_after_a_failure(book: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(orders: Sequence[Row], batch: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(book, "add", fail)
    with pytest.raises(OSError, match="disk full"):
        time_work(LOAD, book, 1, GENERATOR)
    assert book.asked == ["tidy"]


@pytest.mark.parametrize("work", WORKS)
def test_a_real_book_is_as_it_was(work: str) -> None:
    with closing(sqlite_book(("customer",), rows=1_000)) as real:
        before = real.report()
        assert time_work(work, real, 100, GENERATOR).took_ns > 0
        assert real.report() == before
