"""The table of `systems.databases.tables` in PostgreSQL: a server of its own for each connection, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

from perflab.systems.databases.tables import CREATE, MOST, VALUES, Table, question, tables
from perflab.systems.process.child import ServerFailed
from perflab.systems.servers.cluster import UNSYNCED, cluster, connect
from perflab.systems.servers.real.postgresql import POSTGRESQL

OPTIONS = {
    **UNSYNCED,
    "max_connections": "5",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "autovacuum": "off",
    "plan_cache_mode": "force_custom_plan",
}
"""One process answers, and nothing else goes on in the server meanwhile. Each query is planned for its rows: otherwise the
first ones would decide how the next ones are read.
"""


class Pages:
    """PostgreSQL: rows in pages, and a B-tree of their numbers."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def sums(self, first: int, rows: int, columns: int) -> tuple[int, ...]:
        """As in `Table`. PostgreSQL keeps the parsed statement of each question, and plans it anew."""
        found: Any = self._connection.execute(question(columns, "%s"), (first, first + rows)).fetchone()
        return tuple(found)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def pages(rows: int = MOST) -> Iterator[Pages]:
    """The table in a server of its own, for this block. Raises `NotInstalled`, and `ServerFailed` where it dies."""
    with (
        cluster(f"readings-{rows}", partial(_fill, rows), OPTIONS) as server,
        closing(Pages(connect(server.folder))) as opened,
    ):
        yield opened


@contextmanager
def tables_here() -> Iterator[tuple[dict[str, Table], dict[str, str]]]:
    """A connection to each engine for this block; and as facts why PostgreSQL is `missing` where it is, or does not start."""
    facts: dict[str, str] = {}
    with tables() as opened, ExitStack() as stack:
        try:
            opened[POSTGRESQL.name] = stack.enter_context(pages())
        except ServerFailed as error:
            facts["missing"] = str(error)
        yield opened, facts


def _fill(rows: int, connection: Any) -> None:
    # Unlogged, as a log of its rows would be copied with each server.
    create = CREATE.replace("create", "create unlogged", 1).replace("id integer", "id integer primary key")
    connection.execute(create)
    connection.execute(
        f"insert into readings select n, {VALUES} from generate_series(0::bigint, {rows - 1}) as numbers(n)"
    )
    connection.execute("vacuum (freeze, analyze) readings")  # so that the first to read them has nothing to write
