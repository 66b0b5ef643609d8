"""A shop's products and their reviews in a real SQLite file, and the queries that make up a product's page."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perflab.measure.guards import check_number
from perflab.systems.databases.temporary import fill, quick_connection

MIN_PRODUCTS = 10
MAX_PRODUCTS = 50_000
REVIEWS_EACH = 20
AUTHORS = 5_000
BUSY_S = 5.0
SCANNED_ROWS = 10_000
TUNED_CACHE_KB = 32_000

TABLES = """
create table products (id integer primary key, sku text, name text, price integer, description text);
create table reviews (id integer primary key, product integer, author integer, stars integer, text text);
create table authors (id integer primary key, name text);
create table views (product integer primary key, count integer);
"""
INDEXES = """
create index products_by_sku on products (sku);
create index reviews_by_product on reviews (product);
analyze;
"""
PRODUCT = "select id, name, price, description from products {hint} where sku = ?"
REVIEWS = "select id, author, stars, text from reviews where product = ? order by id"
AUTHOR = "select name from authors where id = ?"
JOINED = """
select authors.name, stars, text from reviews join authors on authors.id = author where product = ? order by reviews.id
"""
SCAN = "select sum(stars) from reviews where id >= ? and id < ?"
VIEW = "insert into views values (?, 1) on conflict (product) do update set count = count + 1"


@dataclass(frozen=True)
class Files:
    """The same catalogue with two settings of SQLite."""

    plain: Path
    tuned: Path


class Catalogue:
    """One open connection to a catalogue. One thread at a time.

    `tuned`: write-ahead log, no wait for the disk at each commit (`synchronous = normal`), 32 MB of cache; else SQLite's
    defaults: rollback journal, `synchronous = full`, 2 MB.
    """

    def __init__(self, files: Files, tuned: bool) -> None:
        path = files.tuned if tuned else files.plain
        self._connection = sqlite3.connect(path, BUSY_S, isolation_level=None, check_same_thread=False)
        if tuned:
            self._connection.execute("pragma synchronous = normal")
            self._connection.execute(f"pragma cache_size = -{TUNED_CACHE_KB}")

    def page(self, sku: str, indexed: bool, joined: bool) -> dict[str, Any] | None:
        """A product with its reviews; None when there is no such product.

        Without `indexed` the query is told not to use the index. Without `joined` each review's author takes a statement of its
        own: N + 1 of them.
        """
        hint = "" if indexed else "not indexed"
        row = self._connection.execute(PRODUCT.format(hint=hint), (sku,)).fetchone()
        if row is None:
            return None
        key, name, price, description = row
        reviews = self._connection.execute(JOINED, (key,)).fetchall() if joined else self._one_by_one(key)
        return {"id": key, "name": name, "price": price, "description": description, "reviews": reviews}

    def crunch(self, rows: int, before_each: Callable[[], object] = lambda: None) -> int:
        """The sum of stars of so many rows of reviews, which takes time in proportion.

        In statements of at most `SCANNED_ROWS`; `before_each` of them is called, and may wait.
        """
        total = 0
        for first, last in _scans(rows, self.reviews):
            before_each()
            total += self._connection.execute(SCAN, (first, last)).fetchone()[0]
        return total

    def count_views(self, products: Sequence[int]) -> None:
        """One more view of each of these products, all in one commit."""
        with self._connection:
            self._connection.execute("begin immediate")
            self._connection.executemany(VIEW, [(product,) for product in products])

    @property
    def reviews(self) -> int:
        """How many reviews there are."""
        last: int = self._connection.execute("select max(id) from reviews").fetchone()[0]
        return last + 1

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _one_by_one(self, product: int) -> list[tuple[str, int, str]]:
        found = self._connection.execute(REVIEWS, (product,)).fetchall()
        ask = self._connection.execute
        return [(ask(AUTHOR, (author,)).fetchone()[0], stars, text) for _, author, stars, text in found]


class Connections:
    """Connections to a catalogue. Safe for threads."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._idle: dict[bool, list[Catalogue]] = {True: [], False: []}
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, pooled: bool, tuned: bool) -> Iterator[Catalogue]:
        """A connection that is not in use: from the pool, which opens another when none is idle, or opened for this use."""
        idle = self._idle[tuned]
        with self._lock:
            found = idle.pop() if pooled and idle else None
        connection = found or Catalogue(self._files, tuned)
        try:
            yield connection
        finally:
            if pooled:
                idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close all that are idle."""
        for connections in self._idle.values():
            while connections:
                connections.pop().close()


def make_catalogue(folder: Path, products: int) -> Files:
    """Write both files into `folder`. Raises `BadInput` for a number of products out of range."""
    checked = int(check_number("products", products, MIN_PRODUCTS, MAX_PRODUCTS, whole=True))
    files = Files(folder / "plain.db", folder / "tuned.db")
    sku = f"'sku' || printf('%06d', (n * 7919) % {checked})"
    review = f"n, n % {checked}, (n * 31) % {AUTHORS}, 1 + n % 5, printf('%.40c', 'y')"
    with closing(quick_connection(files.plain)) as connection:
        connection.executescript(TABLES)
        fill(connection, "products", f"n, {sku}, 'product ' || n, 100 + n % 900, printf('%.100c', 'x')", checked)
        fill(connection, "reviews", review, checked * REVIEWS_EACH)
        fill(connection, "authors", "n, 'author ' || n", AUTHORS)
        connection.executescript(INDEXES)
        connection.execute("pragma journal_mode = delete")
    shutil.copyfile(files.plain, files.tuned)
    with closing(sqlite3.connect(files.tuned)) as connection:
        connection.execute("pragma journal_mode = wal")  # kept in the file
    return files


def sku_of(number: int) -> str:
    """The stock-keeping unit with this number; a catalogue of n products has those of 0 to n − 1."""
    return f"sku{number:06d}"


def _scans(rows: int, available: int) -> Iterator[tuple[int, int]]:
    """So many rows in ranges, again and again through the table."""
    first = 0
    while rows > 0:
        last = min(first + SCANNED_ROWS, first + rows, available)
        yield first, last
        rows -= last - first
        first = last % available
