"""The orders of `systems.databases.order_files` in PostgreSQL, with two indexes: a server of its own, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from perflab.systems.databases.order_book import COLUMNS, FIND, INDEXED, INSERT, REPORT, TAKE_BACK, Row
from perflab.systems.databases.order_files import ROWS, values
from perflab.systems.process.installed import KeptServer
from perflab.systems.servers.cluster import cluster, connect

INDEXES = INDEXED[:2]
OPTIONS = {
    "max_connections": "10",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "autovacuum": "off",
}
"""One process answers, and nothing else goes on in the server meanwhile. Each commit waits for the drive, as is the default."""


@contextmanager
def order_server() -> Iterator[KeptServer]:
    """A server with the orders, for `ServerBook`. Raises `NotInstalled`."""
    with cluster("orders", _make, OPTIONS) as server:
        yield server


class ServerBook:
    """A connection to the server whose folder this is, which has so many orders; they are made where they are not there yet."""

    def __init__(self, folder: Path | str, rows: int = ROWS) -> None:
        self.rows, self._table = rows, _table(rows)
        with ExitStack() as stack:
            self._connection = stack.enter_context(connect(folder))
            if self._ask("select to_regclass(%s)", (self._table,)).fetchone() == (None,):
                _make(self._connection, rows)
            stack.pop_all()

    def find(self, customer: int) -> Sequence[Row]:
        return self._ask(FIND, (customer,)).fetchall()

    def add(self, orders: Sequence[Row], batch: int) -> None:
        for first in range(0, len(orders), batch):
            some = orders[first : first + batch]
            if len(some) == 1:
                self._ask(INSERT, some[0])
                continue
            # As PostgreSQL wants many: by an insert for each row they would take twice as long.
            with self._connection.cursor() as cursor, cursor.copy(f"copy {self._table} from stdin") as rows:
                for row in some:
                    rows.write_row(row)

    def report(self) -> Sequence[Row]:
        return self._ask(REPORT).fetchall()

    def count(self) -> int:
        return int(self._ask("select count(*) from orders").fetchone()[0])

    def tidy(self) -> None:
        self._ask(TAKE_BACK, (self.rows,))

    def close(self) -> None:
        self._connection.close()

    def _ask(self, statement: str, given: Sequence[Any] = ()) -> Any:
        return self._connection.execute(_in(self._table, statement), given)


def _table(rows: int) -> str:
    return f"orders_{rows}"


def _in(table: str, statement: str) -> str:
    """A statement about orders as this table and psycopg want it."""
    return statement.replace("orders", table).replace("?", "%s")


def _make(connection: Any, rows: int = ROWS) -> None:
    table = _table(rows)
    columns = ", ".join(f"{name} integer{' primary key' if name == 'id' else ''}" for name in COLUMNS)
    connection.execute(f"create table {table} ({columns})")
    connection.execute(
        f"insert into {table} select {values(rows)} from generate_series(0::bigint, {rows - 1}) numbers(n)"
    )
    for column in INDEXES:
        connection.execute(f"create index on {table} ({column})")
    connection.execute(f"vacuum (freeze, analyze) {table}")  # so that the first to read it has nothing to write
