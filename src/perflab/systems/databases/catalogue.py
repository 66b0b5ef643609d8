"""A shop's products and their reviews in a real SQLite file, and the queries that make up a product's page."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from perflab.measure.guards import check_number

MIN_PRODUCTS = 10
MAX_PRODUCTS = 50_000
REVIEWS_EACH = 20
AUTHORS = 5_000
BUSY_S = 5.0
PROBED_ROWS = 20_000
SCANNED_ROWS = 10_000
PROBES = 20
TUNED_CACHE_KB = 32_000

TABLES = """
create table products (id integer primary key, sku text, name text, price integer, description text);
create table reviews (id integer primary key, product integer, author integer, stars integer, text text);
create table authors (id integer primary key, name text);
create table views (product integer primary key, count integer);
"""
FILL = {
    "products": "n, 'sku' || printf('%06d', (n * 7919) % :products), 'product ' || n, 100 + n % 900, printf('%.100c', 'x')",
    "reviews": "n, n % :products, (n * 31) % :authors, 1 + n % 5, printf('%.40c', 'y')",
    "authors": "n, 'author ' || n",
}
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
    """The same catalogue twice, so that SQLite's settings can be switched between two requests."""

    plain: Path
    tuned: Path
    products: int


class Catalogue:
    """One open connection to a catalogue. One thread at a time.

    `tuned` means write-ahead log, no wait for the disk at each commit (`synchronous = normal`) and 32 MB of cache; else all is
    as SQLite is delivered: rollback journal, `synchronous = full`, 2 MB.
    """

    def __init__(self, files: Files, tuned: bool) -> None:
        path = files.tuned if tuned else files.plain
        self._connection = sqlite3.connect(path, BUSY_S, isolation_level=None, check_same_thread=False)
        if tuned:
            self._connection.execute("pragma synchronous = normal")
            self._connection.execute(f"pragma cache_size = -{TUNED_CACHE_KB}")

    def page(self, sku: str, indexed: bool, joined: bool) -> dict[str, Any] | None:
        """A product with its reviews; None when there is no such product.

        Without `indexed` the same file is scanned: the index is there, and the query is told not to use it. Without `joined`
        each review's author is asked for in a statement of its own: N + 1 of them.
        """
        hint = "" if indexed else "not indexed"
        row = self._connection.execute(PRODUCT.format(hint=hint), (sku,)).fetchone()
        if row is None:
            return None
        key, name, price, description = row
        reviews = self._joined(key) if joined else self._one_by_one(key)
        return {"id": key, "name": name, "price": price, "description": description, "reviews": reviews}

    def crunch(self, rows: int, before_each: Callable[[], object] = lambda: None) -> int:
        """Statistics over so many rows of reviews, which takes the database time in proportion. Their sum of stars.

        In statements of at most `SCANNED_ROWS`, before each of which `before_each` is called: it may wait.
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

    def rows_per_ms(self) -> float:
        """How many rows `crunch` takes a millisecond for, on this machine when it is not busy with something else."""
        times = []
        for _ in range(PROBES):
            started = perf_counter_ns()
            self.crunch(PROBED_ROWS)
            times.append(perf_counter_ns() - started)
        return PROBED_ROWS * 1e6 / min(times)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _joined(self, product: int) -> list[tuple[str, int, str]]:
        return self._connection.execute(JOINED, (product,)).fetchall()

    def _one_by_one(self, product: int) -> list[tuple[str, int, str]]:
        found = self._connection.execute(REVIEWS, (product,)).fetchall()
        ask = self._connection.execute
        return [(ask(AUTHOR, (author,)).fetchone()[0], stars, text) for _, author, stars, text in found]


class Connections:
    """Connections to a catalogue: taken from a pool and given back, or opened for each use. Safe for threads."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._idle: dict[bool, list[Catalogue]] = {True: [], False: []}
        self._lock = threading.Lock()

    def take(self, pooled: bool, tuned: bool) -> Catalogue:
        """A connection that is not in use; a pool without an idle one opens another."""
        with self._lock:
            if pooled and self._idle[tuned]:
                return self._idle[tuned].pop()
        return Catalogue(self._files, tuned)

    def give_back(self, connection: Catalogue, pooled: bool, tuned: bool) -> None:
        """Keep it for the next one, or close it."""
        if not pooled:
            connection.close()
            return
        with self._lock:
            self._idle[tuned].append(connection)

    def close(self) -> None:
        """Close all that are idle."""
        with self._lock:
            for connections in self._idle.values():
                while connections:
                    connections.pop().close()


def make_catalogue(folder: Path, products: int) -> Files:
    """Write both files into `folder`. Raises `BadInput` for a number of products out of range."""
    checked = int(check_number("products", products, MIN_PRODUCTS, MAX_PRODUCTS, whole=True))
    files = Files(folder / "plain.db", folder / "tuned.db", checked)
    counts = {"products": checked, "reviews": checked * REVIEWS_EACH, "authors": AUTHORS}
    connection = sqlite3.connect(files.plain, isolation_level=None)
    try:
        connection.execute("pragma journal_mode = off")
        connection.execute("pragma synchronous = off")
        connection.executescript(TABLES)
        for table, columns in FILL.items():
            numbers = f"with recursive c(n) as (select 0 union all select n + 1 from c where n + 1 < {counts[table]})"
            given = {"products": checked, "authors": AUTHORS}
            connection.execute(f"{numbers} insert into {table} select {columns} from c", given)
        connection.executescript(INDEXES)
        connection.execute("pragma journal_mode = delete")
    finally:
        connection.close()
    shutil.copyfile(files.plain, files.tuned)
    connection = sqlite3.connect(files.tuned, isolation_level=None)
    connection.execute("pragma journal_mode = wal")  # kept in the file
    connection.close()
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
