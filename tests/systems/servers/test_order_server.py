"""The orders in PostgreSQL: the same answers, durable commits, and nothing left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from real_servers import require

from perflab.systems.databases.order_book import more_orders
from perflab.systems.databases.order_files import ROWS, sqlite_book
from perflab.systems.databases.order_work import WORKS, time_work
from perflab.systems.process.child import ServerFailed
from perflab.systems.process.installed import KeptServer, NotInstalled
from perflab.systems.servers.order_server import ServerBook, order_server
from perflab.systems.servers.real.postgresql import POSTGRESQL

pytestmark = pytest.mark.process
FEW = 2_000


@pytest.fixture(scope="module")
def server() -> Iterator[KeptServer]:
    require(POSTGRESQL)
    with order_server() as started:
        yield started
    assert not started.folder.exists()


@pytest.fixture
def book(server: KeptServer) -> Iterator[ServerBook]:
    with closing(ServerBook(server.folder, FEW)) as opened:
        yield opened
    assert opened._connection.closed


def test_it_gives_the_answers_that_sqlite_gives(book: ServerBook) -> None:
    with closing(sqlite_book(rows=FEW)) as other:
        assert book.report() == other.report() and book.count() == other.count() == FEW
        for customer in (0, 7, FEW // 10 - 1):
            assert sorted(book.find(customer)) == sorted(other.find(customer)) and len(book.find(customer)) == 10


def test_all_orders_are_there_from_the_start(server: KeptServer) -> None:
    with closing(ServerBook(server.folder)) as whole:
        assert whole.count() == whole.rows == ROWS
        with closing(sqlite_book()) as other:
            assert whole.report() == other.report()


@pytest.mark.parametrize(("orders", "batch"), [(1, 1), (25, 10), (7, 100)])
def test_what_is_added_is_found_and_taken_back(book: ServerBook, orders: int, batch: int) -> None:
    before, added = book.report(), more_orders(FEW, orders)
    book.add(added, batch)
    assert book.count() == FEW + orders and added[-1][0] in [row[0] for row in book.find(added[-1][2])]
    book.tidy()
    assert book.report() == before


def test_each_batch_is_a_commit_of_its_own(book: ServerBook) -> None:
    stored = more_orders(FEW, 15)
    with pytest.raises(Exception, match="duplicate key"):
        book.add([*stored, stored[0]], 10)
    assert book.count() == FEW + 10, "the batch that failed is taken back, the one before is not"
    book.tidy()


def test_commits_are_durable_and_one_process_answers_by_two_indexes(book: ServerBook) -> None:
    names = ("fsync", "synchronous_commit", "autovacuum", "max_parallel_workers_per_gather")
    assert [book._ask(f"show {name}").fetchone()[0] for name in names] == ["on", "on", "off", "0"]
    indexed = book._ask("select indexdef from pg_indexes where tablename = %s order by 1", ("orders_2000",)).fetchall()
    columns = [definition.rpartition("(")[2].rstrip(")") for (definition,) in indexed]
    assert sorted(columns) == ["customer", "day", "id"]


def test_each_work_can_be_measured_and_leaves_the_orders_as_they_were(book: ServerBook) -> None:
    before = book.report()
    for work in WORKS:
        found = time_work(work, book, 100, np.random.default_rng(1))
        assert found.took_ns > 0 and found.calls > 0 and book.report() == before


def test_its_server_ends_with_the_block_even_after_a_failure() -> None:
    require(POSTGRESQL)
    folders: list[Path] = []
    with pytest.raises(ServerFailed, match="told to"), order_server() as started:
        folders.append(started.folder)
        raise ServerFailed("it was told to")
    assert not folders[0].exists()


def test_where_it_is_missing_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(POSTGRESQL), "find", lambda _: None)
    with pytest.raises(NotInstalled, match="apt install postgresql"), order_server():
        raise AssertionError("it began")
