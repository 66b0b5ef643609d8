"""A table of orders as a store has it: in SQLite with the indexes of a profile, and in DuckDB. What is added is taken back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from perflab.systems.databases.duck import open_duckdb
from perflab.systems.databases.write_ahead import FULL, NORMAL, wait_for_drive

PER_CUSTOMER = 10
COLUMNS = {
    "id": (1, 1_000_000_000),
    "number": (7_919, 999_983),
    "customer": (7_919, 0),
    "day": (31, 365),
    "product": (7_919, 53),
    "region": (1, 10),
    "amount": (104_729, 997),
}
"""A factor and a modulus of each: the n-th order has factor · n mod modulus there. A customer has 10 orders."""
INDEXED = ("customer", "day", "amount", "number", "product")
"""What indexes may be on. The report groups by the region first, so none of these serves it."""
COVERING = "region, product, amount"
"""All that the report reads, in its order."""
FIND = "select id, day, amount from orders where customer = ?"
REPORT = "select region, product, count(*), sum(amount) from orders group by 1, 2 order by 1, 2"
INSERT = f"insert into orders values ({', '.join('?' * len(COLUMNS))})"
TAKE_BACK = "delete from orders where id >= ?"
CACHE_KB = 16_000
"""Of SQLite, so that it holds the whole file: the default of 2 MB does not, and each scan would fetch all pages anew."""
DUCKDB_MEMORY = "200MB"

Row = tuple[int, ...]


def moduli(rows: int) -> list[tuple[int, int]]:
    """Factor and modulus of each column in a file with so many orders."""
    return [(factor, modulus or rows // PER_CUSTOMER) for factor, modulus in COLUMNS.values()]


def more_orders(rows: int, number: int) -> list[Row]:
    """So many orders in addition to those of a file with so many `rows`."""
    known = moduli(rows)
    return [tuple(factor * n % modulus for factor, modulus in known) for n in range(rows, rows + number)]


class Book(Protocol):
    """A connection to a file of so many orders. One thread."""

    rows: int

    def find(self, customer: int) -> Sequence[Row]:
        """Id, day and amount of the orders of a customer."""

    def add(self, orders: Sequence[Row], batch: int) -> None:
        """Add orders, with a commit for each `batch` of them."""

    def report(self) -> Sequence[Row]:
        """Region, product, number of orders and sum of their amounts, in this order."""

    def count(self) -> int:
        """How many orders there are."""

    def tidy(self) -> None:
        """Take back what was added."""

    def close(self) -> None:
        """Close the file."""


class SQLiteBook:
    """With a write-ahead log; if `durable`, each commit waits for the drive.

    The log is written into the file by `tidy`, so that no commit has to do it besides.
    """

    def __init__(self, path: Path, rows: int, durable: bool = True) -> None:
        self.rows = rows
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._ask = self._connection.execute
        self._ask("pragma journal_mode = wal")
        wait_for_drive(self._connection, FULL if durable else NORMAL)
        self._ask("pragma wal_autocheckpoint = 0")
        self._ask(f"pragma cache_size = -{CACHE_KB}")
        self.tidy()

    def find(self, customer: int) -> Sequence[Row]:
        return self._ask(FIND, (customer,)).fetchall()

    def add(self, orders: Sequence[Row], batch: int) -> None:
        for first in range(0, len(orders), batch):
            with self._connection:
                self._ask("begin immediate")
                self._connection.executemany(INSERT, orders[first : first + batch])

    def report(self) -> Sequence[Row]:
        return self._ask(REPORT).fetchall()

    def count(self) -> int:
        found: int = self._ask("select count(*) from orders").fetchone()[0]
        return found

    def tidy(self) -> None:
        self._ask(TAKE_BACK, (self.rows,))
        self._ask("pragma wal_checkpoint(restart)")

    def close(self) -> None:
        self._connection.close()


class DuckBook:
    """One thread of DuckDB; each commit waits for the drive. One process can have the file open."""

    def __init__(self, path: Path, rows: int) -> None:
        self.rows = rows
        self._connection = open_duckdb(path, DUCKDB_MEMORY)
        self.tidy()

    def find(self, customer: int) -> Sequence[Row]:
        return self._connection.execute(FIND, (customer,)).fetchall()

    def add(self, orders: Sequence[Row], batch: int) -> None:
        for first in range(0, len(orders), batch):
            # Column by column, as DuckDB wants it: row by row it would take fifty times as long.
            columns = np.array(orders[first : first + batch]).T
            given = dict(zip(COLUMNS, columns, strict=True))  # noqa: F841
            self._connection.execute("insert into orders select * from given")

    def report(self) -> Sequence[Row]:
        return self._connection.execute(REPORT).fetchall()

    def count(self) -> int:
        found = self._connection.execute("select count(*) from orders").fetchone()
        assert found is not None
        return int(found[0])

    def tidy(self) -> None:
        self._connection.execute(TAKE_BACK, (self.rows,))

    def close(self) -> None:
        self._connection.close()
