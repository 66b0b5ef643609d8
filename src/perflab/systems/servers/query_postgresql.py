"""The same kinds of queries to PostgreSQL, with a process for each connection, locks of rows, and group commit of its own."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from perflab.systems.databases.closed_loop import Queried
from perflab.systems.servers.cluster import connect
from perflab.systems.servers.query_kinds import COMMITS, COMPUTES, HOT, MAX_CONNECTIONS, REPORT_MS, WAITS, Query, asked

if TYPE_CHECKING:
    from psycopg import Connection

OPTIONS = {"max_connections": str(MAX_CONNECTIONS + 6)}
NAME = "querying"
REPORT = "select sum(n * n %% 97) from generate_series(1, %s) as n"
PROBED_ROWS, PROBES = 2_000, 10
QUERIES = {
    WAITS: "select pg_sleep(%s)",
    COMMITS: "insert into ledger default values",
    HOT: "update counter set number = number + 1",
}


def fill(connection: Connection[Any]) -> None:
    """The tables of a new cluster."""
    connection.execute("create table ledger (number bigint generated always as identity primary key)")
    connection.execute("create table counter (number bigint not null)")
    connection.execute("insert into counter values (0)")


class Postgresql:
    """Connections to the cluster whose server has this folder; each is opened when it is first needed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        with ExitStack() as opened:
            self._opened, self._connections = opened, list[Any]()
            self._open(1)
            self._rows = round(REPORT_MS * self._rows_per_ms())
            self._opened = opened.pop_all()

    def load(self, kind: str, connections: int, seconds: float, wait_ms: float) -> Queried:
        """So many connections with queries of a kind for so long."""
        self._open(connections)
        text = QUERIES.get(kind, REPORT)
        given: tuple[Any, ...] = {COMPUTES: (self._rows,), WAITS: (wait_ms / 1e3,)}.get(kind, ())
        queries: list[Query] = [partial(each.execute, text, given) for each in self._connections[:connections]]
        return asked(kind, queries, seconds)

    def stored(self) -> int:
        """How many durable commits it holds."""
        found = self._connections[0].execute("select (select count(*) from ledger) + (select number from counter)")
        return int(found.fetchone()[0])

    def close(self) -> None:
        """Close all connections."""
        self._opened.close()

    def _open(self, connections: int) -> None:
        while len(self._connections) < connections:
            self._connections.append(self._opened.enter_context(connect(self._folder)))

    def _rows_per_ms(self) -> float:
        times = []
        for _ in range(PROBES):
            began_ns = perf_counter_ns()
            self._connections[0].execute(REPORT, (PROBED_ROWS,))
            times.append(perf_counter_ns() - began_ns)
        return PROBED_ROWS * 1e6 / min(times)
