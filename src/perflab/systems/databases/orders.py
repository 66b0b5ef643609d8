"""Orders and their customers in a real SQLite file, kept for the life of the process: a million rows take a second to write."""

from __future__ import annotations

import functools
import itertools
import math
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from perflab.measure.guards import check_number
from perflab.measure.units import count
from perflab.systems.databases.temporary import fill, kept, quick_connection

FEWEST, MOST = 100, 1_000_000
PER_CUSTOMER = 10
PAGE = 20
SCATTER = 7_919
KEPT_BYTES = 100_000_000
"""The most that files kept for later may take; the one in use comes on top, 33 MB for a million rows."""

TABLES = """
create table orders (id integer primary key, number integer, customer integer, amount integer);
create table customers (id integer primary key, name text);
"""
INDEX = "create unique index orders_by_number on orders (number)"

FIND = "select id, customer, amount from orders {} where number = ? limit 1"
JOINED = "select name, amount from orders join customers on customers.id = customer where orders.id between ? and ?"
LISTED = "select customer, amount from orders where id between ? and ?"
NAME = "select name from customers where id = ?"


class Orders:
    """An open connection to a file of so many orders. One thread."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)

    def find(self, number: int, indexed: bool = True) -> tuple[int, int, int] | None:
        """Id, customer and amount of the order with this number, None where there is none; without `indexed` the rows are read
        until it turns up.
        """
        found: tuple[int, int, int] | None = self._connection.execute(
            FIND.format("" if indexed else "not indexed"), (number,)
        ).fetchone()
        return found

    def page_by_join(self, first: int) -> list[tuple[str, int]]:
        """Customer's name and amount of `PAGE` orders from the id `first` on, by one statement."""
        return self._connection.execute(JOINED, (first, first + PAGE - 1)).fetchall()

    def page_one_by_one(self, first: int) -> list[tuple[str, int]]:
        """The same by N + 1 statements: the orders, then the customer of each."""
        ask = self._connection.execute
        listed = ask(LISTED, (first, first + PAGE - 1)).fetchall()
        return [(ask(NAME, (customer,)).fetchone()[0], amount) for customer, amount in listed]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def file_of_orders(rows: int) -> Path:
    """The file with so many orders; made now if it is not there yet. It goes away with this process.

    Raises `BadInput` for a number out of range, OSError (and leaves nothing) where it cannot be written.
    """
    checked = int(check_number("rows", rows, FEWEST, MOST, whole=True))
    try:
        path = Path(_folder().name) / f"orders-{checked}.db"
        if not path.exists():
            _forget_oldest()
        return kept(path, lambda unfinished: _make(unfinished, checked))
    except (sqlite3.Error, OSError) as error:
        raise OSError(
            f"The file of {count(checked)} orders cannot be written ({error}). "
            "Choose fewer rows, free some space, or set TMPDIR to another folder and restart."
        ) from error


def scatter(rows: int) -> int:
    """A factor without a common divisor with `rows`: number = factor · id mod rows occurs once, far from the order of ids."""
    return next(factor for factor in itertools.count(SCATTER) if math.gcd(factor, rows) == 1)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="perflab-orders-", ignore_cleanup_errors=True)


def _forget_oldest() -> None:
    files = sorted(Path(_folder().name).glob("*.db"), key=lambda file: file.stat().st_mtime_ns)
    while files and sum(file.stat().st_size for file in files) > KEPT_BYTES:
        files.pop(0).unlink()


def _make(path: Path, rows: int) -> None:
    customers = max(1, rows // PER_CUSTOMER)
    with closing(quick_connection(path)) as connection:
        connection.executescript(TABLES)
        fill(connection, "orders", f"n, n * {scatter(rows)} % {rows}, n % {customers}, n % 997", rows)
        fill(connection, "customers", "n, 'customer ' || n", customers)
        connection.execute(INDEX)
