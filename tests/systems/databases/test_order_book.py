"""The same orders in SQLite and in DuckDB."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from perflab.systems.databases.order_book import COVERING, INDEXED, Book, SQLiteBook, moduli, more_orders
from perflab.systems.databases.order_files import duck_book, sqlite_book

ROWS = 2_000
BOOKS: dict[str, Callable[[], Book]] = {
    "no index": lambda: sqlite_book(rows=ROWS),
    "all indexes": lambda: sqlite_book(INDEXED, rows=ROWS),
    "covering": lambda: sqlite_book((COVERING,), rows=ROWS),
    "not durable": lambda: sqlite_book(INDEXED[:2], durable=False, rows=ROWS),
    "DuckDB": lambda: duck_book(ROWS),
}


@pytest.fixture(params=BOOKS)
def book(request: pytest.FixtureRequest) -> Iterator[Book]:
    with closing(BOOKS[request.param]()) as opened:
        yield opened


def test_all_give_the_same_answers(book: Book) -> None:
    with closing(sqlite_book(rows=ROWS)) as plain:
        assert [tuple(row) for row in book.report()] == plain.report()
        assert sum(row[2] for row in book.report()) == ROWS
        for customer in (0, 7, ROWS // 10 - 1):
            assert sorted(book.find(customer)) == sorted(plain.find(customer))
            assert len(book.find(customer)) == 10


@pytest.mark.parametrize(("orders", "batch"), [(1, 1), (25, 10), (7, 100)])
def test_what_is_added_is_found_and_taken_back(book: Book, orders: int, batch: int) -> None:
    before = book.report()
    added = more_orders(ROWS, orders)
    book.add(added, batch)
    assert book.count() == ROWS + orders
    customer = added[-1][2]
    assert added[-1][0] in [row[0] for row in book.find(customer)]
    book.tidy()
    assert book.count() == ROWS and book.report() == before


def test_added_orders_are_made_as_those_of_the_file() -> None:
    with closing(sqlite_book(rows=ROWS)) as book:
        (row,) = book._ask("select * from orders where id = 1777").fetchall()
    assert row == tuple(factor * 1_777 % modulus for factor, modulus in moduli(ROWS))
    assert more_orders(ROWS, 2)[1] == tuple(factor * (ROWS + 1) % modulus for factor, modulus in moduli(ROWS))


def test_another_connection_sees_what_is_committed_batch_by_batch() -> None:
    with closing(sqlite_book(rows=ROWS)) as book, closing(sqlite_book(rows=ROWS)) as other:
        seen: list[int] = []
        book._connection.set_trace_callback(lambda said: seen.append(other.count()) if said == "COMMIT" else None)
        book.add(more_orders(ROWS, 25), 10)
        book._connection.set_trace_callback(None)
        assert seen == [ROWS, ROWS + 10, ROWS + 20] and other.count() == ROWS + 25
        book.tidy()
        assert other.count() == ROWS


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_durable_commits_wait_and_others_do_not(durable: bool, level: int) -> None:
    with closing(sqlite_book(rows=ROWS, durable=durable)) as book:
        assert book._ask("pragma synchronous").fetchone() == (level,)
        assert book._ask("pragma journal_mode").fetchone() == ("wal",)


def test_what_a_run_left_that_was_cut_off_is_taken_back_by_the_next_one() -> None:
    book = sqlite_book(rows=ROWS)
    book.add(more_orders(ROWS, 3), 1)
    book.close()
    with closing(sqlite_book(rows=ROWS)) as again:
        assert again.count() == ROWS
    duck = duck_book(ROWS)
    duck.add(more_orders(ROWS, 3), 1)
    duck.close()
    with closing(duck_book(ROWS)) as again_duck:
        assert again_duck.count() == ROWS


def test_a_batch_that_fails_is_rolled_back() -> None:
    with closing(sqlite_book(rows=ROWS)) as book:
        with pytest.raises(sqlite3.IntegrityError):
            book.add([*more_orders(ROWS, 2), more_orders(ROWS, 1)[0]], 10)
        assert book.count() == ROWS
        book.add(more_orders(ROWS, 1), 1)
        book.tidy()


@pytest.mark.parametrize(
    ("indexes", "plan"),
    [
        ((), ["SCAN orders", "USE TEMP B-TREE FOR GROUP BY"]),
        (INDEXED, ["SCAN orders", "USE TEMP B-TREE FOR GROUP BY"]),
        ((COVERING,), [f"SCAN orders USING COVERING INDEX by {COVERING}"]),
    ],
)
def test_only_the_covering_index_serves_the_report(indexes: tuple[str, ...], plan: list[str]) -> None:
    with closing(sqlite_book(indexes, rows=ROWS)) as book:
        assert plan_of(book, "select region, product, sum(amount) from orders group by 1, 2") == plan


def test_only_an_index_on_customers_serves_a_find() -> None:
    for indexes, how in (((), "SCAN"), ((COVERING,), "SCAN"), (INDEXED[:1], "SEARCH"), (INDEXED, "SEARCH")):
        with closing(sqlite_book(indexes, rows=ROWS)) as book:
            assert plan_of(book, "select id, day, amount from orders where customer = 5")[0].startswith(how)


def plan_of(book: SQLiteBook, statement: str) -> list[str]:
    return [row[-1] for row in book._ask(f"explain query plan {statement}").fetchall()]
